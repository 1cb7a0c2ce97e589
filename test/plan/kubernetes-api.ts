/**
 * Just enough of a Kubernetes API server on loopback for `kubectl apply --dry-run=client`: discovery of the three kinds
 * that plan writes, and "not found" for every object. kubectl itself does the parsing and the mapping.
 */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FakeApiServer {
  readonly url: string;
  /** Paths that kubectl asked for. */
  readonly asked: string[];
  close(): Promise<void>;
}

const KINDS = [
  { groupVersion: 'v1', group: '', name: 'configmaps', kind: 'ConfigMap' },
  {
    groupVersion: 'autoscaling/v2',
    group: 'autoscaling',
    name: 'horizontalpodautoscalers',
    kind: 'HorizontalPodAutoscaler',
  },
  { groupVersion: 'keda.sh/v1alpha1', group: 'keda.sh', name: 'scaledobjects', kind: 'ScaledObject' },
];

export async function startFakeApi(): Promise<FakeApiServer> {
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0];
    asked.push(path);
    const document = discovery(path);
    response.writeHead(document === null ? 404 : 200, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify(
        document ?? { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 },
      ),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function discovery(path: string): object | null {
  if (path === '/api') return { kind: 'APIVersions', versions: ['v1'] };
  if (path === '/apis') {
    const groups = KINDS.filter((kind) => kind.group !== '').map((kind) => {
      const version = { groupVersion: kind.groupVersion, version: kind.groupVersion.split('/')[1] };
      return { name: kind.group, versions: [version], preferredVersion: version };
    });
    return { kind: 'APIGroupList', apiVersion: 'v1', groups };
  }
  const found = KINDS.find((kind) => path === (kind.group === '' ? '/api/v1' : `/apis/${kind.groupVersion}`));
  if (found === undefined) return null;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: found.groupVersion,
    resources: [
      {
        name: found.name,
        singularName: '',
        namespaced: true,
        kind: found.kind,
        verbs: ['create', 'get', 'patch'],
      },
    ],
  };
}

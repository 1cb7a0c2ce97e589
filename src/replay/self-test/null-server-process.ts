/** The program of a null server in a process of its own: `node null-server-process.js <gapMs>`; tells its port by IPC. */
import { startNullServer } from './null-server.js';

const server = await startNullServer({ gapMs: Number(process.argv[2] ?? 10) });
process.send?.({ port: server.port });
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(0));

/** Drives one engine on a virtual clock in plain seconds, for tests that compare to the last bit. */
import { createEngine } from '../../src/engine/engine.js';
import { EVENT } from '../../src/engine/events.js';
import { readEngineModel } from '../../src/engine/model.js';
import type { EngineModel, EngineRequest } from '../../src/types.js';

export interface Driven {
  readonly firstSec: Float64Array;
  readonly lastSec: Float64Array;
  /** Duration of every iteration. */
  readonly stepSec: readonly number[];
  readonly busySec: number;
}

/** Requests by column → engine requests without prefixes. */
export function requestsOf(
  arrivalSec: readonly number[],
  inputTokens: readonly number[],
  outputTokens: readonly number[],
): EngineRequest[] {
  return arrivalSec.map((arrival, id) => ({
    id,
    arrivalSec: arrival,
    inputTokens: inputTokens[id],
    outputTokens: outputTokens[id],
    prefixHashes: null,
    sessionKey: null,
  }));
}

/** Runs requests with ids 0 … n − 1, in order of arrival, to the end. */
export function drive(model: EngineModel, requests: readonly EngineRequest[], speed = 1): Driven {
  const engine = createEngine(model, { seed: 'drive', speed });
  const firstSec = new Float64Array(requests.length);
  const lastSec = new Float64Array(requests.length);
  const stepSec: number[] = [];
  let busySec = 0;
  let nowSec = 0;
  let next = 0;
  for (;;) {
    for (; next < requests.length && requests[next].arrivalSec <= nowSec; next++)
      engine.submit(requests[next]);
    const plan = engine.planStep(nowSec);
    if (plan === null) {
      if (next === requests.length) return { firstSec, lastSec, stepSec, busySec };
      nowSec = requests[next].arrivalSec;
      continue;
    }
    nowSec = plan.endSec;
    busySec += plan.durationSec;
    stepSec.push(plan.durationSec);
    const events = engine.finishStep();
    for (let i = 0; i < events.count; i++) {
      if (events.kinds[i] === EVENT.firstToken) firstSec[events.ids[i]] = nowSec;
      if (events.kinds[i] === EVENT.finished) lastSec[events.ids[i]] = nowSec;
    }
  }
}

const base = await readEngineModel('reference');

/** The reference engine with some coefficients and limits replaced. */
export function engineWith(changes: {
  readonly step?: Partial<EngineModel['step']>;
  readonly limits?: Partial<EngineModel['limits']>;
  readonly kvAdmission?: EngineModel['kvAdmission'];
  readonly prefixCaching?: boolean;
  readonly scheduling?: EngineModel['scheduling'];
  readonly speculation?: EngineModel['speculation'];
  readonly adapters?: EngineModel['adapters'];
}): EngineModel {
  const { scheduling, speculation, adapters } = changes;
  return {
    ...base,
    ...(scheduling === undefined ? {} : { scheduling }),
    ...(speculation === undefined ? {} : { speculation }),
    ...(adapters === undefined ? {} : { adapters }),
    name: 'test',
    step: { ...base.step, ...changes.step },
    limits: { ...base.limits, ...changes.limits },
    kvAdmission: changes.kvAdmission ?? base.kvAdmission,
    prefixCaching: changes.prefixCaching ?? base.prefixCaching,
  };
}

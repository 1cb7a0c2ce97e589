/** What is asked of the endpoint before the load: is it there, which model, does it take our requests, which template. */
import { ToolError } from '../errors.js';
import { tokenIdPool } from '../tokens/id-pool.js';
import { promptPoolOf } from '../tokens/open.js';
import type { WordPool } from '../tokens/word-pool.js';
import { REPLAY_DEFAULTS, type ReplayOptions } from './options.js';
import type { SendPlan } from './plan.js';
import type { Protocol } from './protocol.js';
import { type Target, withModel } from './target.js';
import { negotiateHttp } from './transports/negotiate.js';
import { calibratePrompts, calibrateTurns, reachEndpoint, tryEndpoint } from './trial.js';
import type { TurnPlan } from './turn-plan.js';

/** What the endpoint told before the run. */
export interface Preparation {
  readonly model: string;
  readonly ignoreEos: boolean;
  /** What the server refused and the requests do without. */
  readonly conceded: readonly string[];
  /** The target with the model's name and the HTTP version that the server speaks. */
  readonly target: Target;
  readonly templateTokens: number;
  /** Tokens that it adds to a conversation with each further turn. */
  readonly turnTokens: number;
  /** Words of prompts, one token each in the server's vocabulary. */
  readonly pool: WordPool;
  readonly notes: readonly string[];
}

/** Looks at the endpoint. Throws ENDPOINT_UNREACHABLE when it is down or refuses requests of this kind for good. */
export async function prepareEndpoint(
  options: ReplayOptions,
  target: Target,
  protocol: Protocol,
  plan: SendPlan,
): Promise<Preparation> {
  const signal = options.signal ?? null;
  const isIds = protocol.promptAs === 'token-ids';
  if (isIds && plan.turns?.answers === 'real' && hasHistory(plan.turns)) throw idsWithAnswers(protocol);
  const pool = isIds ? tokenIdPool() : promptPoolOf(options.encoding ?? REPLAY_DEFAULTS.encoding);
  const notes: string[] = [];
  if (target.connection.insecure === true) {
    notes.push(
      'INSECURE: the server’s certificate was not checked (--insecure); anybody could have answered in its place',
    );
  }
  const spoken = await negotiateHttp(target, signal);
  notes.push(...spoken.notes);
  const models = await reachEndpoint(spoken.target, protocol, signal);
  const model = options.model ?? target.modelInUrl ?? models[0] ?? 'default';
  if (options.model == null && models.length > 1) {
    notes.push(`the endpoint lists ${models.length} models; ${model} was used (--model chooses)`);
  }
  const { otherPlaces } = target;
  if (otherPlaces.length > 0) {
    const addresses = [target, ...otherPlaces].map(({ url }) => new URL(url).host).join(', ');
    const how = options.affinity === 'session' ? 'a session stays on one of' : 'requests go in turn to';
    notes.push(`${how} ${otherPlaces.length + 1} addresses: ${addresses}`);
  }
  const reached = withModel(spoken.target, model);
  const trial = {
    target: reached,
    pool,
    protocol,
    model,
    stream: plan.stream[0] === 1,
    ignoreEos: (options.ignoreEos ?? true) && protocol.lengthIsFree == null,
    extraBody: options.extraBody ?? null,
    signal,
  };
  if ((options.ignoreEos ?? true) && protocol.lengthIsFree != null && protocol.operation !== 'embedding') {
    notes.push(
      `${protocol.lengthIsFree}: answers may be shorter than asked; compare output_tokens with max_output_tokens`,
    );
  }
  let conceded: readonly string[] = [];
  if (options.trial ?? true) {
    const result = await tryEndpoint(trial);
    conceded = result.conceded;
    notes.push(...result.notes);
  }
  let templateTokens = 0;
  let turnTokens = 0;
  if (options.calibratePrompts === true) {
    const { templateTokens: found, differences } = await calibratePrompts({ ...trial, conceded });
    if (found !== null) {
      templateTokens = found;
      notes.push(
        found === 0
          ? 'the server adds no tokens to prompts (--calibrate-prompts)'
          : `the server adds ${found} tokens to every prompt; they were taken off (--calibrate-prompts)`,
      );
      if (plan.turns != null && hasHistory(plan.turns)) {
        const perTurn = await calibrateTurns({ ...trial, conceded }, templateTokens);
        turnTokens = perTurn ?? 0;
        notes.push(
          perTurn === null
            ? 'what the server adds to a conversation with each further turn could not be calibrated: it is in the prompts'
            : `the server adds ${perTurn} tokens to a conversation with each further turn; they were taken off its prompt`,
        );
      }
    } else {
      notes.push(
        `prompt lengths could not be calibrated: the server counted ${differences.length === 0 ? 'nothing' : `${differences.join(', ')} more than asked`}`,
      );
    }
  }
  const { ignoreEos } = trial;
  return { model, ignoreEos, conceded, target: reached, templateTokens, turnTokens, pool, notes };
}

/** Whether a prompt holds a conversation so far. */
const hasHistory = (turns: TurnPlan): boolean => turns.newTokens.some((tokens) => tokens >= 0);

const idsWithAnswers = (protocol: Protocol): ToolError =>
  new ToolError({
    code: 'BAD_VALUE',
    message: `${protocol.name} cannot put real answers into conversations: answers come as text, prompts are token ids`,
    hint: 'write --history synthetic (answers of the recorded lengths), --protocol openai-completions, or --sessions open',
  });

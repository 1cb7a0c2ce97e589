/**
 * Time zones for zone-less log times: UTC, a fixed offset, or an IANA name with its daylight-saving rules from the
 * runtime's own tables. The host's zone plays no part.
 */
import { nearestWord, ToolError } from '../errors.js';

/** How a local time was placed. `fold`: it exists twice; `gap`: it does not exist. */
export type LocalKind = 'plain' | 'fold' | 'gap';

export interface LocalInstant {
  /** Seconds since 1970 UTC. */
  readonly sec: number;
  readonly kind: LocalKind;
}

export interface Zone {
  readonly name: string;
  /** Seconds east of UTC where that never changes; null where it does. */
  readonly fixedOffsetSec: number | null;
  /**
   * The instant of a local time given as if it were UTC. A time that exists twice is the first one, unless that would
   * lie more than five minutes before the previous row (logs run forward); one that does not exist keeps the offset
   * from before the gap.
   */
  toUtc(localSec: number, previousSec: number | null): LocalInstant;
}

const FOLD_TOLERANCE_SEC = 300;
const DAY_SEC = 86_400;

/** Reads `UTC`, `+05:30`, `-0800` or an IANA name. Throws BAD_VALUE with the nearest name. */
export function parseZone(text: string): Zone {
  if (/^(utc|gmt|z|etc\/utc)$/i.test(text))
    return { name: 'UTC', fixedOffsetSec: 0, toUtc: (sec) => ({ sec, kind: 'plain' }) };
  const fixed = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(text);
  if (fixed && Number(fixed[2]) <= 15 && Number(fixed[3] ?? 0) < 60) {
    const offsetSec = (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 3_600 + Number(fixed[3] ?? 0) * 60);
    return {
      name: text,
      fixedOffsetSec: offsetSec,
      toUtc: (sec) => ({ sec: sec - offsetSec, kind: 'plain' }),
    };
  }
  try {
    return ianaZone(text);
  } catch (cause) {
    const near = nearestWord(text, Intl.supportedValuesOf('timeZone'));
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected a time zone (UTC, +05:30 or an IANA name), got '${text}'`,
      hint: near ? `did you mean ${near}?` : 'write it like UTC, +05:30 or Europe/Berlin',
      cause,
    });
  }
}

function ianaZone(name: string): Zone {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: name,
    hourCycle: 'h23',
    era: 'short',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  const offsets = new Map<number, number>();
  /** Seconds east of UTC at an instant; rules change on quarter hours, so one answer serves a quarter hour. */
  const offsetAt = (utcSec: number): number => {
    const quarter = Math.floor(utcSec / 900);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      const parts = Object.fromEntries(
        format.formatToParts(quarter * 900_000).map((part) => [part.type, part.value]),
      );
      const local = Date.UTC(
        Number(parts['year']),
        Number(parts['month']) - 1,
        Number(parts['day']),
        Number(parts['hour']),
        Number(parts['minute']),
        Number(parts['second']),
      );
      offset = local / 1_000 - quarter * 900;
      offsets.set(quarter, offset);
    }
    return offset;
  };
  return {
    name,
    fixedOffsetSec: null,
    toUtc(localSec, previousSec) {
      const before = offsetAt(localSec - DAY_SEC);
      const after = offsetAt(localSec + DAY_SEC);
      const first = localSec - Math.max(before, after);
      const second = localSec - Math.min(before, after);
      const isFirst = offsetAt(first) === Math.max(before, after);
      const isSecond = offsetAt(second) === Math.min(before, after);
      if (isFirst && isSecond && first !== second) {
        const goesBack = previousSec !== null && previousSec - first > FOLD_TOLERANCE_SEC;
        return { sec: goesBack ? second : first, kind: 'fold' };
      }
      if (isFirst) return { sec: first, kind: 'plain' };
      if (isSecond) return { sec: second, kind: 'plain' };
      return { sec: localSec - before, kind: 'gap' };
    },
  };
}

/** Money on the command line: --price and --token-prices of the commands that send, what they mean, and what a load costs. */
import { ToolError } from '../../errors.js';
import type { Prices } from '../../replay/estimate.js';
import { significant } from '../../units.js';
import type { CommandContext, OptionSpec } from '../command.js';

/** The two options; `priceUse` says what --price is for. */
export function priceOptions(priceUse: string): readonly OptionSpec[] {
  return [
    { key: 'price', type: 'price', description: `${priceUse}: price of the endpoint per time, e.g. 2.5/h` },
    {
      key: 'tokenPrices',
      type: 'numbers',
      value: '<in,out>',
      description: 'with --dry-run: prices per million prompt and output tokens, e.g. 0.5,1.5',
    },
  ];
}

/** The prices behind `priceOptions`. Throws BAD_VALUE. */
export function pricesOf(options: CommandContext['options']): Prices {
  const tokens = options['tokenPrices'] as number[] | undefined;
  if (tokens !== undefined && (tokens.length !== 2 || tokens.some((price) => price < 0))) {
    throw new ToolError({
      code: 'BAD_VALUE',
      message: `expected two prices after --token-prices, got ${tokens.join(',')}`,
      hint: 'write --token-prices 0.5,1.5: per million prompt tokens, per million output tokens',
    });
  }
  return {
    perHour: (options['price'] as number | undefined) ?? null,
    perMillionTokens: tokens === undefined ? null : { input: tokens[0], output: tokens[1] },
  };
}

/** A line `cost …`, or none where nothing has a price. */
export function costLines(cost: number | null, most = false): string[] {
  return cost === null ? [] : [`cost      ${most ? 'at most ' : ''}${significant(cost)}`];
}

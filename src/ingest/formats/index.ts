/** The log formats, in the order in which they are tried. */
import type { LogFormat } from '../format.js';
import { azureLlm } from './azure-llm.js';
import { mooncake } from './mooncake.js';

export const LOG_FORMATS: readonly LogFormat[] = [azureLlm, mooncake];

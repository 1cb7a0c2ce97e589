/** All that the program calls. */
export * from './csv';
export * from './json';
export * from './lengths';
export * from './pack';
export * from './rows';
export * from './times';

/** Where the memory is free from. */
export const heapBase: usize = __heap_base;

/** The part of WebAssembly that kernels.ts uses: the library of ES2023 and the types of Node 20 lack it. */
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  interface Global<Value> {
    readonly value: Value;
  }
}

/** The part of parquetjs-lite 0.8.7 that tokentide uses; the package has no types. */
declare module 'parquetjs-lite' {
  export interface FieldDefinition {
    readonly type?: string;
    readonly optional?: boolean;
    readonly repeated?: boolean;
    readonly compression?: 'UNCOMPRESSED' | 'GZIP' | 'SNAPPY';
    readonly statistics?: boolean;
    readonly fields?: Readonly<Record<string, FieldDefinition>>;
  }

  export class ParquetSchema {
    constructor(fields: Readonly<Record<string, FieldDefinition>>);
  }

  export class ParquetWriter {
    static openFile(
      schema: ParquetSchema,
      path: string,
      options?: {
        readonly rowGroupSize?: number;
        readonly pageSize?: number;
        readonly useDataPageV2?: boolean;
      },
    ): Promise<ParquetWriter>;
    setMetadata(key: string, value: string): void;
    /** Must be awaited: unawaited calls repeat rows. */
    appendRow(row: Readonly<Record<string, unknown>>): Promise<void>;
    close(): Promise<void>;
  }

  export interface ParquetCursor {
    next(): Promise<Record<string, unknown> | null>;
  }

  export class ParquetReader {
    static openFile(path: string): Promise<ParquetReader>;
    getCursor(columns?: readonly string[]): ParquetCursor;
    getMetadata(): Record<string, string>;
    getRowCount(): { valueOf(): number };
    close(): Promise<void>;
  }

  const parquetjs: {
    readonly ParquetSchema: typeof ParquetSchema;
    readonly ParquetWriter: typeof ParquetWriter;
    readonly ParquetReader: typeof ParquetReader;
  };
  export default parquetjs;
}

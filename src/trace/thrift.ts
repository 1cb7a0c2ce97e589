/**
 * Thrift's compact protocol, writing side, as far as Parquet's page headers and footer need it.
 * Source: thrift-compact-protocol.md.
 */

import { ByteSink } from './byte-sink.js';

/** Wire types. */
export const WIRE = { i16: 4, i32: 5, i64: 6, binary: 8, list: 9, struct: 12 } as const;

/** A struct may be given as its bytes. */
export type ThriftValue = number | Uint8Array | ThriftList | ThriftStruct;

export interface ThriftList {
  readonly elementType: number;
  readonly items: readonly ThriftValue[];
}

export interface ThriftField {
  readonly id: number;
  /** Wire type. */
  readonly type: number;
  readonly value: ThriftValue;
}

/** Fields in rising order of their ids. */
export type ThriftStruct = readonly ThriftField[];

export const i16 = (id: number, value: number): ThriftField => ({ id, type: WIRE.i16, value });
export const i32 = (id: number, value: number): ThriftField => ({ id, type: WIRE.i32, value });
export const i64 = (id: number, value: number): ThriftField => ({ id, type: WIRE.i64, value });
export const text = (id: number, value: string): ThriftField => binary(id, Buffer.from(value));
export const binary = (id: number, value: Uint8Array): ThriftField => ({ id, type: WIRE.binary, value });
export const struct = (id: number, value: ThriftStruct): ThriftField => ({ id, type: WIRE.struct, value });
export const list = (id: number, elementType: number, items: readonly ThriftValue[]): ThriftField => ({
  id,
  type: WIRE.list,
  value: { elementType, items },
});

/** The bytes of a struct. */
export function writeThrift(struct: ThriftStruct): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.struct(struct);
  return writer.bytes();
}

class Writer {
  readonly #sink = new ByteSink(256);

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#sink.view();
  }

  struct(fields: ThriftStruct): void {
    let last = 0;
    for (const { id, type, value } of fields) {
      const step = id - last;
      if (step > 0 && step < 16) this.#sink.byte((step << 4) | type);
      else {
        this.#sink.byte(type);
        this.#zigzag(id);
      }
      last = id;
      this.#value(type, value);
    }
    this.#sink.byte(0);
  }

  #zigzag(value: number): void {
    this.#sink.varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #value(type: number, value: ThriftValue): void {
    switch (type) {
      case WIRE.binary:
        this.#sink.varint((value as Uint8Array).length);
        this.#sink.append(value as Uint8Array);
        return;
      case WIRE.list: {
        const { elementType, items } = value as ThriftList;
        if (items.length < 15) this.#sink.byte((items.length << 4) | elementType);
        else {
          this.#sink.byte(0xf0 | elementType);
          this.#sink.varint(items.length);
        }
        for (const item of items) this.#value(elementType, item);
        return;
      }
      case WIRE.struct:
        if (value instanceof Uint8Array) this.#sink.append(value);
        else this.struct(value as ThriftStruct);
        return;
      default:
        this.#zigzag(value as number);
    }
  }
}

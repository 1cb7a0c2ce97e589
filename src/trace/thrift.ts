/**
 * Thrift's compact protocol, as far as a Parquet footer needs it: a struct read into a list of fields, changed, and written
 * again, with every field kept whose meaning is not known here. Source: thrift-compact-protocol.md.
 */

/** Wire types. */
export const WIRE = {
  true: 1,
  false: 2,
  byte: 3,
  i16: 4,
  i32: 5,
  i64: 6,
  double: 7,
  binary: 8,
  list: 9,
  struct: 12,
};

export type ThriftValue = boolean | number | Buffer | ThriftList | ThriftStruct;

export interface ThriftList {
  readonly elementType: number;
  readonly items: ThriftValue[];
}

export interface ThriftField {
  readonly id: number;
  /** Wire type; booleans as `WIRE.true`. */
  readonly type: number;
  value: ThriftValue;
}

/** Fields in rising order of their ids. */
export type ThriftStruct = ThriftField[];

/** The value of a field; undefined when it is absent. */
export function fieldOf(struct: ThriftStruct, id: number): ThriftValue | undefined {
  return struct.find((field) => field.id === id)?.value;
}

/** Sets the value of a field that is there. */
export function setField(struct: ThriftStruct, id: number, value: ThriftValue): void {
  const field = struct.find((candidate) => candidate.id === id);
  if (field !== undefined) field.value = value;
}

/** Reads the struct that the bytes begin with. */
export function readThrift(bytes: Buffer): ThriftStruct {
  return new Reader(bytes).struct();
}

/** The bytes of a struct. */
export function writeThrift(struct: ThriftStruct): Buffer {
  const writer = new Writer();
  writer.struct(struct);
  return writer.bytes();
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  struct(): ThriftStruct {
    const fields: ThriftStruct = [];
    let id = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return fields;
      const type = head & 15;
      id = head >> 4 === 0 ? this.#zigzag() : id + (head >> 4);
      const isBoolean = type === WIRE.true || type === WIRE.false;
      const value = isBoolean ? type === WIRE.true : this.#value(type);
      fields.push({ id, type: isBoolean ? WIRE.true : type, value });
    }
  }

  #byte(): number {
    if (this.#at >= this.#bytes.length) throw new Error('the Thrift structure ends early');
    return this.#bytes[this.#at++];
  }

  #varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  }

  #zigzag(): number {
    const value = this.#varint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #value(type: number): ThriftValue {
    switch (type) {
      case WIRE.byte:
        return this.#byte();
      case WIRE.i16:
      case WIRE.i32:
      case WIRE.i64:
        return this.#zigzag();
      case WIRE.double:
        this.#at += 8;
        return Buffer.from(this.#bytes.subarray(this.#at - 8, this.#at));
      case WIRE.binary: {
        const length = this.#varint();
        this.#at += length;
        return Buffer.from(this.#bytes.subarray(this.#at - length, this.#at));
      }
      case WIRE.list: {
        const head = this.#byte();
        const count = head >> 4 === 15 ? this.#varint() : head >> 4;
        const elementType = head & 15;
        const isBoolean = elementType === WIRE.true || elementType === WIRE.false;
        const items = Array.from({ length: count }, () =>
          isBoolean ? this.#byte() === WIRE.true : this.#value(elementType),
        );
        return { elementType, items };
      }
      case WIRE.struct:
        return this.struct();
      default:
        throw new Error(`the Thrift structure has a field of type ${type}`);
    }
  }
}

class Writer {
  readonly #parts: Buffer[] = [];

  bytes(): Buffer {
    return Buffer.concat(this.#parts);
  }

  struct(fields: ThriftStruct): void {
    let last = 0;
    for (const { id, type, value } of fields) {
      const wire = type === WIRE.true && value === false ? WIRE.false : type;
      const step = id - last;
      if (step > 0 && step < 16) this.#parts.push(Buffer.of((step << 4) | wire));
      else {
        this.#parts.push(Buffer.of(wire));
        this.#zigzag(id);
      }
      last = id;
      if (type !== WIRE.true) this.#value(type, value);
    }
    this.#parts.push(Buffer.of(0));
  }

  #varint(value: number): void {
    const bytes: number[] = [];
    let rest = value;
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
    bytes.push(rest);
    this.#parts.push(Buffer.from(bytes));
  }

  #zigzag(value: number): void {
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  #value(type: number, value: ThriftValue): void {
    switch (type) {
      case WIRE.byte:
        this.#parts.push(Buffer.of(value as number));
        return;
      case WIRE.double:
        this.#parts.push(value as Buffer);
        return;
      case WIRE.binary:
        this.#varint((value as Buffer).length);
        this.#parts.push(value as Buffer);
        return;
      case WIRE.list: {
        const { elementType, items } = value as ThriftList;
        if (items.length < 15) this.#parts.push(Buffer.of((items.length << 4) | elementType));
        else {
          this.#parts.push(Buffer.of(0xf0 | elementType));
          this.#varint(items.length);
        }
        for (const item of items) {
          if (typeof item === 'boolean') this.#parts.push(Buffer.of(item ? WIRE.true : WIRE.false));
          else this.#value(elementType, item);
        }
        return;
      }
      case WIRE.struct:
        this.struct(value as ThriftStruct);
        return;
      default:
        this.#zigzag(value as number);
    }
  }
}

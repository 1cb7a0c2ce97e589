/**
 * JSON by RFC 8259, from bytes to spans: checks one value completely and notes where the values of the wanted paths
 * are, without building objects and without passing numbers through floating point.
 */
import { QUOTING, type SourceRecord } from './record.js';

/** A node of the tree of wanted paths. */
export interface PathNode {
  readonly children: PathChild[];
  /** Declared column whose value this is; −1 = only a step on the way. */
  column: number;
  /** Which of the column's spellings: of several that a record has, the first is meant. */
  rank: number;
}

interface PathChild {
  readonly key: string;
  readonly bytes: Buffer;
  readonly node: PathNode;
}

/** Builds the tree; paths[i] are the dotted paths under which column i may be. */
export function pathTree(paths: readonly (readonly string[])[]): PathNode {
  const root: PathNode = { children: [], column: -1, rank: 0 };
  paths.forEach((spellings, column) => {
    spellings.forEach((path, rank) => {
      let node = root;
      for (const key of path.split('.')) {
        let child = node.children.find((candidate) => candidate.key === key);
        if (child === undefined) {
          child = { key, bytes: Buffer.from(key), node: { children: [], column: -1, rank: 0 } };
          node.children.push(child);
        }
        node = child.node;
      }
      if (node.column >= 0) return;
      node.column = column;
      node.rank = rank;
    });
  });
  return root;
}

const MAX_DEPTH = 512;
const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;
const COMMA = 44;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;

/** Scans one record at a time. */
export class JsonScanner {
  /** What is wrong, after `scan` returned false. */
  problem = '';
  readonly #root: PathNode;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #end = 0;
  #depth = 0;
  #escaped = false;
  #record: SourceRecord | null = null;
  /** Which spelling each column's value has. */
  readonly #ranks: number[] = [];

  constructor(root: PathNode) {
    this.#root = root;
  }

  /** Checks that bytes[start, end) is one JSON object and notes the wanted values in the record. */
  scan(bytes: Buffer, start: number, end: number, record: SourceRecord): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = 0;
    this.#record = record;
    record.bytes = bytes;
    record.starts.fill(-1);
    this.problem = '';
    this.#skipBlanks();
    if (this.#peek() !== OPEN_OBJECT) return this.#fail('not a JSON object');
    if (!this.#value(this.#root)) return false;
    this.#skipBlanks();
    return this.#at === end || this.#fail('text after the JSON object');
  }

  #fail(problem: string): false {
    if (this.problem === '') this.problem = problem;
    return false;
  }

  /** A wrong byte, or none left. */
  #broken(): false {
    return this.#fail(this.#at < this.#end ? 'broken JSON' : 'the line ends inside the JSON object');
  }

  #peek(): number {
    return this.#at < this.#end ? this.#bytes[this.#at] : -1;
  }

  #skipBlanks(): void {
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte !== 32 && byte !== 9 && byte !== 10 && byte !== 13) return;
      this.#at += 1;
    }
  }

  #value(node: PathNode | null): boolean {
    const start = this.#at;
    const first = this.#peek();
    let isString = false;
    let isNull = false;
    let isFine: boolean;
    if (first === QUOTE) {
      isString = true;
      isFine = this.#string();
    } else if (first === OPEN_OBJECT) isFine = this.#object(node);
    else if (first === OPEN_ARRAY) isFine = this.#array();
    else if (first === 116) isFine = this.#word('true');
    else if (first === 102) isFine = this.#word('false');
    else if (first === 110) {
      isNull = true;
      isFine = this.#word('null');
    } else isFine = this.#number();
    if (!isFine) return false;
    if (node !== null && node.column >= 0) this.#note(node, start, isString, isNull);
    return true;
  }

  #note({ column, rank }: PathNode, start: number, isString: boolean, isNull: boolean): void {
    const record = this.#record!;
    // Of a column's spellings the first that is not null is meant, wherever in the record it stands.
    if (record.starts[column] >= 0 && (isNull || rank > this.#ranks[column])) return;
    this.#ranks[column] = rank;
    record.starts[column] = isNull ? -1 : isString ? start + 1 : start;
    record.ends[column] = isString ? this.#at - 1 : this.#at;
    record.quoting[column] = !isString ? QUOTING.bare : this.#escaped ? QUOTING.jsonEscapes : QUOTING.plain;
  }

  #object(node: PathNode | null): boolean {
    if (++this.#depth > MAX_DEPTH) return this.#fail('JSON nested too deep');
    this.#at += 1;
    this.#skipBlanks();
    if (this.#peek() === CLOSE_OBJECT) {
      this.#at += 1;
      this.#depth -= 1;
      return true;
    }
    for (;;) {
      if (this.#peek() !== QUOTE) return this.#broken();
      const keyStart = this.#at + 1;
      if (!this.#string()) return false;
      const child = node === null ? null : this.#childOf(node, keyStart, this.#at - 1);
      this.#skipBlanks();
      if (this.#peek() !== COLON) return this.#broken();
      this.#at += 1;
      this.#skipBlanks();
      if (!this.#value(child)) return false;
      this.#skipBlanks();
      const next = this.#peek();
      if (next === CLOSE_OBJECT) {
        this.#at += 1;
        this.#depth -= 1;
        return true;
      }
      if (next !== COMMA) return this.#broken();
      this.#at += 1;
      this.#skipBlanks();
    }
  }

  #childOf(node: PathNode, start: number, end: number): PathNode | null {
    if (this.#escaped) {
      const key = JSON.parse(`"${this.#bytes.toString('utf8', start, end)}"`) as string;
      return node.children.find((child) => child.key === key)?.node ?? null;
    }
    for (const child of node.children) {
      const { bytes } = child;
      if (bytes.length !== end - start) continue;
      let i = 0;
      while (i < bytes.length && bytes[i] === this.#bytes[start + i]) i += 1;
      if (i === bytes.length) return child.node;
    }
    return null;
  }

  #array(): boolean {
    if (++this.#depth > MAX_DEPTH) return this.#fail('JSON nested too deep');
    this.#at += 1;
    this.#skipBlanks();
    if (this.#peek() === CLOSE_ARRAY) {
      this.#at += 1;
      this.#depth -= 1;
      return true;
    }
    for (;;) {
      if (!this.#value(null)) return false;
      this.#skipBlanks();
      const next = this.#peek();
      if (next === CLOSE_ARRAY) {
        this.#at += 1;
        this.#depth -= 1;
        return true;
      }
      if (next !== COMMA) return this.#broken();
      this.#at += 1;
      this.#skipBlanks();
    }
  }

  #string(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#at + 1;
    this.#escaped = false;
    for (; at < end; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        this.#at = at + 1;
        return true;
      }
      if (byte < 32) return this.#broken();
      if (byte !== BACKSLASH) continue;
      this.#escaped = true;
      at += 1;
      const kind = bytes[at];
      if (kind === 117) {
        if (at + 4 >= end || !/^[0-9a-fA-F]{4}$/.test(bytes.toString('latin1', at + 1, at + 5)))
          return this.#broken();
        at += 4;
      } else if (!'"\\/bfnrt'.includes(String.fromCharCode(kind))) return this.#broken();
    }
    return this.#fail('the line ends inside a JSON text');
  }

  #word(word: string): boolean {
    for (let i = 0; i < word.length; i++) {
      if (this.#at + i >= this.#end || this.#bytes[this.#at + i] !== word.charCodeAt(i))
        return this.#broken();
    }
    this.#at += word.length;
    return true;
  }

  #number(): boolean {
    if (this.#peek() === 45) this.#at += 1;
    const start = this.#at;
    const first = this.#peek();
    if (!this.#digits()) return this.#broken();
    if (first === 48 && this.#at - start > 1) return this.#broken();
    if (this.#peek() === 46) {
      this.#at += 1;
      if (!this.#digits()) return this.#broken();
    }
    if (this.#peek() === 101 || this.#peek() === 69) {
      this.#at += 1;
      if (this.#peek() === 43 || this.#peek() === 45) this.#at += 1;
      if (!this.#digits()) return this.#broken();
    }
    return true;
  }

  #digits(): boolean {
    const start = this.#at;
    while (this.#at < this.#end) {
      const byte = this.#bytes[this.#at];
      if (byte < 48 || byte > 57) break;
      this.#at += 1;
    }
    return this.#at > start;
  }
}

// ONNX files read in the browser: Protocol Buffers by hand, as much of them as a graph is drawn from.

/** A value that goes in, comes out, or is kept in the file. */
export interface Tensor {
  name: string;
  type: string;
  shape: string[];
}

/** An operator of the graph. */
export interface Operator {
  name: string;
  type: string;
  domain: string;
  inputs: string[];
  outputs: string[];
  attributes: [string, string][];
}

export interface Graph {
  producer: string;
  opsets: [string, number][];
  name: string;
  inputs: Tensor[];
  outputs: Tensor[];
  weights: Tensor[];
  operators: Operator[];
}

// onnx.proto3, TensorProto.DataType
const TYPES = ["undefined", "float32", "uint8", "int8", "uint16", "int16", "int32", "int64", "string", "bool", "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16"];
const SHOWN_MAX = 8;

/** A message, field after field. What is damaged ends with an error instead of a wrong picture. */
class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(readonly bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get more(): boolean {
    return this.#at < this.bytes.length;
  }

  /** A varint; of 64 bits the lowest 53 are enough for what is shown. */
  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.bytes[this.#at++];
      if (byte === undefined) throw new Error("the file ends within a number");
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value >= 2 ** 63 ? value - 2 ** 64 : value;
    }
    throw new Error("a number is too long");
  }

  part(): Uint8Array {
    const length = this.varint();
    const from = this.#at;
    if (length < 0 || from + length > this.bytes.length) throw new Error("the file ends within a part");
    this.#at += length;
    return this.bytes.subarray(from, this.#at);
  }

  float(): number {
    if (this.#at + 4 > this.bytes.length) throw new Error("the file ends within a number");
    this.#at += 4;
    return this.#view.getFloat32(this.#at - 4, true);
  }

  field(): [number, number] {
    const key = this.varint();
    return [Math.floor(key / 8), key % 8];
  }

  skip(wire: number): void {
    if (wire === 0) this.varint();
    else if (wire === 1) this.#at += 8;
    else if (wire === 2) this.part();
    else if (wire === 5) this.#at += 4;
    else throw new Error("this is no ONNX file");
  }
}

const text = new TextDecoder();

/** Reads a message: what is told of a field is done with it, everything else is skipped. */
function read(bytes: Uint8Array, fields: Record<number, (reader: Reader, wire: number) => void>): void {
  const reader = new Reader(bytes);
  while (reader.more) {
    const [number, wire] = reader.field();
    const take = fields[number];
    if (take) take(reader, wire);
    else reader.skip(wire);
  }
}

/** Numbers one by one, or packed into one part. */
function numbers(reader: Reader, wire: number, into: number[], one: (reader: Reader) => number): void {
  if (wire !== 2) into.push(one(reader));
  else for (const part = new Reader(reader.part()); part.more; ) into.push(one(part));
}

function valueInfo(bytes: Uint8Array): Tensor {
  const it: Tensor = { name: "", type: "", shape: [] };
  const dimension = (part: Uint8Array): void => {
    let shown = "?";
    read(part, { 1: (reader) => (shown = String(reader.varint())), 2: (reader) => (shown = text.decode(reader.part())) });
    it.shape.push(shown);
  };
  const tensor = (part: Uint8Array): void =>
    read(part, { 1: (reader) => (it.type = TYPES[reader.varint()] ?? "?"), 2: (reader) => read(reader.part(), { 1: (shape) => dimension(shape.part()) }) });
  // Sequences, maps and optional values have names of their own and no shape.
  const wrapped = (name: string) => (reader: Reader): void => {
    reader.part();
    it.type = name;
  };
  read(bytes, {
    1: (reader) => (it.name = text.decode(reader.part())),
    2: (reader) => read(reader.part(), { 1: (type) => tensor(type.part()), 4: wrapped("sequence"), 5: wrapped("map"), 9: wrapped("optional") }),
  });
  return it;
}

function weight(bytes: Uint8Array): Tensor {
  const it: Tensor = { name: "", type: "", shape: [] };
  const dims: number[] = [];
  read(bytes, { 1: (reader, wire) => numbers(reader, wire, dims, (from) => from.varint()), 2: (reader) => (it.type = TYPES[reader.varint()] ?? "?"), 8: (reader) => (it.name = text.decode(reader.part())) });
  return { ...it, shape: dims.map(String) };
}

const few = (all: (string | number)[]): string => `${all.slice(0, SHOWN_MAX).join(", ")}${all.length > SHOWN_MAX ? ` … (${all.length})` : ""}`;

function attribute(bytes: Uint8Array): [string, string] {
  let name = "";
  let shown = "";
  const floats: number[] = [];
  const ints: number[] = [];
  const strings: string[] = [];
  read(bytes, {
    1: (reader) => (name = text.decode(reader.part())),
    2: (reader) => (shown = String(Number(reader.float().toPrecision(6)))),
    3: (reader) => (shown = String(reader.varint())),
    4: (reader) => (shown = text.decode(reader.part())),
    5: (reader) => (shown = `${weight(reader.part()).type} …`),
    6: (reader) => (shown = `${graph(reader.part()).operators.length} …`),
    7: (reader, wire) => numbers(reader, wire, floats, (from) => from.float()),
    8: (reader, wire) => numbers(reader, wire, ints, (from) => from.varint()),
    9: (reader) => strings.push(text.decode(reader.part())),
  });
  const list = floats.length ? floats.map((it) => Number(it.toPrecision(6))) : ints.length ? ints : strings;
  return [name, list.length ? few(list) : shown.slice(0, 200)];
}

function operator(bytes: Uint8Array): Operator {
  const it: Operator = { name: "", type: "", domain: "", inputs: [], outputs: [], attributes: [] };
  read(bytes, {
    1: (reader) => it.inputs.push(text.decode(reader.part())),
    2: (reader) => it.outputs.push(text.decode(reader.part())),
    3: (reader) => (it.name = text.decode(reader.part())),
    4: (reader) => (it.type = text.decode(reader.part())),
    5: (reader) => it.attributes.push(attribute(reader.part())),
    7: (reader) => (it.domain = text.decode(reader.part())),
  });
  return it;
}

function graph(bytes: Uint8Array): Omit<Graph, "producer" | "opsets"> {
  const it: Omit<Graph, "producer" | "opsets"> = { name: "", inputs: [], outputs: [], weights: [], operators: [] };
  read(bytes, {
    1: (reader) => it.operators.push(operator(reader.part())),
    2: (reader) => (it.name = text.decode(reader.part())),
    5: (reader) => it.weights.push(weight(reader.part())),
    11: (reader) => it.inputs.push(valueInfo(reader.part())),
    12: (reader) => it.outputs.push(valueInfo(reader.part())),
  });
  // Older files name what they keep among their inputs too.
  const kept = new Set(it.weights.map((weight) => weight.name));
  it.inputs = it.inputs.filter((input) => !kept.has(input.name));
  return it;
}

/** What a file says of its graph. */
export function parse(bytes: Uint8Array): Graph {
  let found: Omit<Graph, "producer" | "opsets"> | null = null;
  const producer: string[] = [];
  const opsets: [string, number][] = [];
  read(bytes, {
    2: (reader) => producer.unshift(text.decode(reader.part())),
    3: (reader) => producer.push(text.decode(reader.part())),
    7: (reader) => (found = graph(reader.part())),
    8: (reader) => {
      const opset: [string, number] = ["ai.onnx", 0];
      read(reader.part(), { 1: (from) => (opset[0] = text.decode(from.part()) || "ai.onnx"), 2: (from) => (opset[1] = from.varint()) });
      opsets.push(opset);
    },
  });
  if (!found) throw new Error("this is no ONNX file: there is no graph in it");
  return { ...(found as Omit<Graph, "producer" | "opsets">), producer: producer.filter(Boolean).join(" "), opsets };
}

// Apache Parquet as a table: its columns with their types, how many rows there are, and the first of them.

import { gunzipSync } from "fflate";
import { decompress } from "fzstd";
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";

export interface Sheet {
  columns: { name: string; type: string; isNumber: boolean }[];
  rows: string[][];
  total: number;
  /** Columns that are not shown. */
  left: number;
}

const COLUMNS_MAX = 300;
const NUMBERS = ["INT32", "INT64", "INT96", "FLOAT", "DOUBLE"];

/** A value as it stands in a cell. */
function text(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Array.from(value.subarray(0, 32), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (typeof value === "object") return JSON.stringify(value, (_, it: unknown) => (typeof it === "bigint" ? Number(it) : it));
  return String(value);
}

/** Reads the first rows. What is compressed by ways that need more than scripts is refused with its name. */
export async function sheet(bytes: ArrayBuffer, rowsMax: number): Promise<Sheet> {
  const metadata = parquetMetadata(bytes);
  const all = parquetSchema(metadata).children;
  const shown = all.slice(0, COLUMNS_MAX);
  const total = Number(metadata.num_rows);
  const names = shown.map((it) => it.element.name);
  const isDate = shown.map((it) => (it.element.logical_type?.type ?? it.element.converted_type) === "DATE");
  const found = await parquetReadObjects({
    file: bytes,
    metadata,
    columns: names,
    rowEnd: Math.min(total, rowsMax),
    compressors: { GZIP: (input) => gunzipSync(input), ZSTD: (input) => decompress(input) },
  });
  return {
    columns: shown.map(({ element, children }) => {
      const plain = element.logical_type?.type ?? element.converted_type ?? element.type ?? (children.length ? "group" : "");
      return { name: element.name, type: plain.toLowerCase(), isNumber: NUMBERS.includes(element.type ?? "") && !/date|time/i.test(plain) };
    }),
    rows: found.map((row) => names.map((name, at) => (isDate[at] ? text(row[name]).slice(0, 10) : text(row[name])))),
    total,
    left: all.length - shown.length,
  };
}

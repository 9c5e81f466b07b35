// Calls of the server: JSON in and out, problems as errors, reads tried again while the server is away.

import type { Json } from "./types";
import { connection } from "./connection.svelte";

/** What went wrong, as the server tells it (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly field: string | undefined;
  readonly hint: string | undefined;
  readonly requestId: string;

  constructor(status: number, told: { code?: string; detail?: string; title?: string; field?: string; hint?: string; requestId?: string }) {
    super(told.detail || told.title || `HTTP ${status}`);
    this.status = status;
    this.code = told.code ?? "";
    this.field = told.field;
    this.hint = told.hint;
    this.requestId = told.requestId ?? "";
  }
}

type Scalar = string | number | boolean | null | undefined;

export interface Ask {
  query?: Record<string, Scalar>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** How often something in front of the server may say that it is not there. */
const RETRIES = 6;
const [FIRST_MS, LONGEST_MS] = [250, 4000];

/** A path with its query; what is empty is left out. */
export function address(path: string, query: Record<string, Scalar> = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const text = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`).join("&");
  return text ? `${path}?${text}` : path;
}

/** Longer each time; over at once when the network is back, somebody asks for it, or nobody wants the answer any more. */
function pause(tries: number, signal: AbortSignal | null | undefined): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      clearTimeout(timer);
      for (const from of [connection, window, signal]) for (const event of ["again", "online", "abort"]) from?.removeEventListener(event, over);
      resolve();
    };
    const timer = setTimeout(over, Math.min(LONGEST_MS, FIRST_MS * 2 ** tries));
    connection.addEventListener("again", over);
    window.addEventListener("online", over);
    signal?.addEventListener("abort", over);
  });
}

async function sent(method: string, url: string, init: RequestInit): Promise<Response> {
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch(url, init);
      // What answers for a server that restarts says so by these; nothing was done then.
      if ([502, 503, 504].includes(response.status) && method === "GET" && tries < RETRIES) {
        connection.down();
        await pause(tries, init.signal);
        continue;
      }
      connection.up();
      return response;
    } catch (error) {
      if (init.signal?.aborted) throw error;
      connection.down();
      // Whether a write was done is not known; a read waits for as long as the server is away.
      if (method !== "GET") throw new Problem(0, { code: "unreachable", detail: "the server cannot be reached", hint: "it may be restarting; try again" });
      await pause(tries, init.signal);
    }
  }
}

/** The answer as it came; a refusal is thrown. */
export async function raw(method: string, path: string, ask: Ask = {}): Promise<Response> {
  const headers: Record<string, string> = { accept: "application/json", ...ask.headers };
  const init: RequestInit = { method, headers, credentials: "same-origin" };
  if (ask.signal) init.signal = ask.signal;
  if (ask.body instanceof Blob) {
    init.body = ask.body;
    headers["content-type"] ??= ask.body.type || "application/octet-stream";
  } else if (ask.body !== undefined) {
    init.body = JSON.stringify(ask.body);
    headers["content-type"] ??= "application/json";
  }
  const response = await sent(method, address(path, ask.query), init);
  if (response.ok) return response;
  const text = await response.text();
  let told: Record<string, string> = {};
  try {
    told = JSON.parse(text) as Record<string, string>;
  } catch {
    told = { detail: text.slice(0, 300) || `HTTP ${response.status}` };
  }
  // MLflow's API has words of its own for the same.
  told["detail"] ??= told["message"] ?? "";
  told["code"] ??= told["error_code"] ?? "";
  told["requestId"] ||= response.headers.get("x-request-id") ?? "";
  if (response.status === 401) connection.ended();
  throw new Problem(response.status, told);
}

/** The JSON of an answer; text where it is none. */
export async function call<T = Json>(method: string, path: string, ask: Ask = {}): Promise<T> {
  const response = await raw(method, path, ask);
  const text = await response.text();
  const media = response.headers.get("content-type") ?? "";
  if (!text) return null as T;
  return (media.includes("json") && !media.includes("jsonl") ? JSON.parse(text) : text) as T;
}

export const get = <T = Json>(path: string, query: Record<string, Scalar> = {}, signal?: AbortSignal): Promise<T> =>
  call<T>("GET", path, signal ? { query, signal } : { query });

export const post = <T = Json>(path: string, body: unknown = {}, query: Record<string, Scalar> = {}): Promise<T> => call<T>("POST", path, { query, body });

/** Whatever was thrown, as a problem. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem(0, { code: "console", detail: error instanceof Error ? error.message : String(error) });
}

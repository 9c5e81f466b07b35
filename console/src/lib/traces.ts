// Traces as MLflow's API tells them: what was asked, the spans under it, and what was said of it.

import { call } from "./api";
import { place } from "./router.svelte";
import type { Fields, Json } from "./types";

/** What somebody, or a program, said of a trace or of one span. */
export interface Assessment {
  assessment_id: string;
  assessment_name: string;
  span_id?: string;
  source: { source_type: string; source_id?: string };
  create_time: string;
  rationale?: string;
  feedback?: { value?: Json; error?: Json };
  expectation?: { value?: Json; serialized_value?: { value: string } };
  issue?: { issue_name: string };
}

export interface Trace {
  trace_id: string;
  request_time: string;
  /** Seconds, such as `1.5s`. */
  execution_duration?: string;
  state: string;
  request_preview?: string;
  response_preview?: string;
  tags?: Record<string, string>;
  trace_metadata?: Record<string, string>;
  assessments?: Assessment[];
}

/** Work that took a time, as part of other work. */
export interface Span {
  id: string;
  parent: string;
  name: string;
  type: string;
  /** Milliseconds since the trace began. */
  from: number;
  to: number;
  depth: number;
  parts: number;
  isWrong: boolean;
  message: string;
  attributes: Fields;
  events: { name: string; at: number; attributes: Fields }[];
}

type Any = { string_value?: string; bool_value?: boolean; int_value?: number | string; double_value?: number; array_value?: { values?: Any[] }; kvlist_value?: { values?: Pair[] } };
type Pair = { key: string; value?: Any };
interface Told {
  span_id: string;
  parent_span_id?: string;
  name: string;
  start_time_unix_nano: number | string;
  end_time_unix_nano?: number | string;
  attributes?: Pair[];
  events?: { name: string; time_unix_nano: number | string; attributes?: Pair[] }[];
  status?: { code?: string; message?: string };
}

const BASE = "/api/3.0/mlflow/traces";
const headers = (): Record<string, string> => ({ "x-aic-project": place.project });

/** A page of an experiment's traces, the newest first. */
export const search = (experiment: string, filter: string, pageToken?: string): Promise<{ traces?: Trace[]; next_page_token?: string }> =>
  call("POST", `${BASE}/search`, {
    headers: headers(),
    body: { locations: [{ type: "MLFLOW_EXPERIMENT", mlflow_experiment: { experiment_id: experiment } }], order_by: ["timestamp_ms DESC"], max_results: 100, ...(filter ? { filter } : {}), ...(pageToken ? { page_token: pageToken } : {}) },
  });

/** A trace with its spans, as far as they are there. */
export async function whole(id: string): Promise<{ trace: Trace; spans: Span[] }> {
  const { trace } = await call<{ trace: { trace_info: Trace; spans?: Told[] } }>("GET", `${BASE}/get`, { headers: headers(), query: { trace_id: id, allow_partial: true } });
  return { trace: trace.trace_info, spans: treeOf(trace.spans ?? []) };
}

/** A value of OpenTelemetry's. */
function plain(value: Any | undefined): Json {
  if (!value) return null;
  if (value.array_value) return (value.array_value.values ?? []).map(plain);
  if (value.kvlist_value) return facts(value.kvlist_value.values);
  return value.string_value ?? value.bool_value ?? value.int_value ?? value.double_value ?? null;
}

const facts = (pairs: Pair[] = []): Fields => Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]));

/** Milliseconds from one moment in nanoseconds to another, exact where they are texts. */
const ms = (from: number | string, to: number | string): number => Number(BigInt(to) - BigInt(from)) / 1e6;

/** Spans in the order of a tree: each behind the one it is part of, by when it began. */
function treeOf(told: Told[]): Span[] {
  const ids = new Set(told.map((it) => it.span_id));
  const under = new Map<string, Told[]>();
  for (const it of told) {
    // A part whose whole is not there yet stands by itself.
    const parent = it.parent_span_id && ids.has(it.parent_span_id) && it.parent_span_id !== it.span_id ? it.parent_span_id : "";
    under.set(parent, [...(under.get(parent) ?? []), it]);
  }
  const start = told.map((it) => it.start_time_unix_nano).reduce((least, it) => (ms(least, it) < 0 ? it : least), told[0]?.start_time_unix_nano ?? 0);
  const spans: Span[] = [];
  const seen = new Set<string>();
  const add = (parent: string, depth: number): void => {
    const parts = (under.get(parent) ?? []).sort((a, b) => ms(b.start_time_unix_nano, a.start_time_unix_nano));
    for (const it of parts) {
      if (seen.has(it.span_id)) continue;
      seen.add(it.span_id);
      const attributes = facts(it.attributes);
      const from = ms(start, it.start_time_unix_nano);
      const type = attributes["mlflow.spanType"];
      spans.push({
        id: it.span_id,
        parent,
        name: it.name,
        type: typeof type === "string" && type !== "UNKNOWN" ? type : "",
        from,
        to: it.end_time_unix_nano ? Math.max(from, ms(start, it.end_time_unix_nano)) : from,
        depth,
        parts: under.get(it.span_id)?.length ?? 0,
        isWrong: it.status?.code === "STATUS_CODE_ERROR",
        message: it.status?.message ?? "",
        attributes,
        events: (it.events ?? []).map((event) => ({ name: event.name, at: ms(start, event.time_unix_nano), attributes: facts(event.attributes) })),
      });
      add(it.span_id, depth + 1);
    }
  };
  add("", 0);
  return spans;
}

/** How long a trace took, in seconds. */
export const seconds = (trace: Trace): number | null => (trace.execution_duration ? parseFloat(trace.execution_duration) : null);

/** What an assessment says. */
export function said(it: Assessment): Json {
  if (it.feedback) return it.feedback.value ?? it.feedback.error ?? null;
  if (it.issue) return it.issue.issue_name;
  return it.expectation?.value ?? it.expectation?.serialized_value?.value ?? null;
}

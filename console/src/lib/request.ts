// Calls of operations by their names: parameters, bodies and answers are typed by what the server says of itself.

import type { Answers } from "./answers";
import { call } from "./api";
import type { Operations } from "./operations";

export type Operation = keyof Operations;
/** What an operation takes beside its body, in its path and its query. */
export type Takes<O extends Operation> = Operations[O]["takes"];
export type Answer<O extends Operation> = O extends keyof Answers ? Answers[O] : Operations[O]["answers"];
type More<O extends Operation> = Operations[O]["body"] extends undefined ? [body?: undefined, signal?: AbortSignal] : [body: Operations[O]["body"], signal?: AbortSignal];

/** The address of an operation: what its path names is put there, the rest is the query. */
export function pathOf<O extends Operation>(operation: O, takes: Takes<O>): { path: string; query: Record<string, string | number | boolean | undefined> } {
  const query: Record<string, string | number | boolean | undefined> = { ...(takes as Record<string, string | number | boolean | undefined>) };
  const path = operation.slice(operation.indexOf(" ") + 1).replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = query[name];
    delete query[name];
    return encodeURIComponent(String(value));
  });
  return { path, query };
}

/** Asks for an operation. */
export function request<O extends Operation>(operation: O, takes: Takes<O>, ...[body, signal]: More<O>): Promise<Answer<O>> {
  const { path, query } = pathOf(operation, takes);
  const method = operation.slice(0, operation.indexOf(" "));
  return call(method, path, {
    query,
    ...(method === "GET" ? {} : { body: body ?? {} }),
    ...(method === "PATCH" ? { headers: { "content-type": "application/merge-patch+json" } } : {}),
    ...(signal ? { signal } : {}),
  });
}

// The server's own description (OpenAPI 3.1) as a list of operations, with bodies to begin with and lines for other tools.

import type { Json } from "./types";

export interface Schema {
  $ref?: string;
  type?: string | string[];
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  enum?: Json[];
  default?: Json;
  example?: Json;
}

interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
}

interface Told {
  operationId?: string;
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
}

export interface Document {
  paths: Record<string, Record<string, Told>>;
  components: { schemas: Record<string, Schema> };
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  summary: string;
  description: string;
  parameters: Parameter[];
  body: Schema | null;
  /** Everything it is found by. */
  text: string;
}

const METHODS = ["get", "post", "put", "patch", "delete"];

export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => item[method]).map((method) => {
      const told = item[method] as Told;
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match): Parameter => ({ name: match[1] ?? "", in: "path", required: true }));
      const known = told.parameters ?? [];
      const id = told.operationId ?? `${method} ${path}`;
      const content = told.requestBody?.content ?? {};
      return {
        id: `${method} ${path}`,
        method: method.toUpperCase(),
        path,
        summary: told.summary ?? "",
        description: told.description ?? "",
        parameters: [...inPath.filter((it) => !known.some((other) => other.name === it.name)), ...known.filter((it) => it.name && it.in !== "header")],
        body: content["application/json"]?.schema ?? null,
        text: `${method} ${path} ${id} ${told.summary ?? ""}`.toLowerCase(),
      };
    }),
  );
}

/** A body with everything that is required, to be filled in. */
export function sampleOf(document: Document, schema: Schema, depth = 0): Json {
  if (schema.$ref) return sampleOf(document, document.components.schemas[schema.$ref.split("/").at(-1) ?? ""] ?? {}, depth);
  if (schema.example !== undefined) return schema.example;
  if (schema.default !== undefined) return schema.default;
  if (schema.enum?.length) return schema.enum[0] ?? null;
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object" || schema.properties) {
    if (depth > 4) return {};
    const names = Object.keys(schema.properties ?? {});
    const wanted = schema.required?.length ? names.filter((name) => schema.required?.includes(name) || (depth === 0 && (name === "metadata" || name === "spec"))) : depth === 0 ? names : [];
    return Object.fromEntries(wanted.map((name) => [name, name === "metadata" ? { name: "" } : sampleOf(document, schema.properties?.[name] ?? {}, depth + 1)]));
  }
  if (type === "array") return [];
  if (type === "integer" || type === "number") return 0;
  if (type === "boolean") return false;
  return "";
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** The same call in other tools. */
export function examples(operation: Operation, path: string, query: Record<string, string>, body: string): Record<string, string> {
  const search = new URLSearchParams(query).toString();
  const url = `${location.origin}${path}${search ? `?${search}` : ""}`;
  const { method } = operation;
  let plain = body;
  try {
    plain = body ? JSON.stringify(JSON.parse(body)) : "";
  } catch {
    // What is being typed need not be JSON yet.
  }
  const shown: Record<string, string> = {
    curl: [`curl -X ${method} ${quoted(url)}`, `-H "Authorization: Bearer $AIC_TOKEN"`, ...(plain ? [`-H 'Content-Type: application/json'`, `-d ${quoted(plain)}`] : [])].join(" \\\n  "),
    Python: `import os\nimport requests\n\nanswer = requests.request(\n    "${method}",\n    ${JSON.stringify(url)},\n    headers={"Authorization": f"Bearer {os.environ['AIC_TOKEN']}"},${plain ? `\n    data=${JSON.stringify(plain)}.encode(),` : ""}\n)\nanswer.raise_for_status()\nprint(answer.json())`,
    TypeScript: `const answer = await fetch(${JSON.stringify(url)}, {\n  method: "${method}",\n  headers: { Authorization: \`Bearer \${process.env.AIC_TOKEN}\`${plain ? `, "Content-Type": "application/json"` : ""} },${plain ? `\n  body: JSON.stringify(${plain}),` : ""}\n});\nif (!answer.ok) throw new Error(await answer.text());\nconsole.log(await answer.json());`,
    aic: `aic api raw ${method} ${quoted(path + (search ? `?${search}` : ""))}${plain ? ` --data ${quoted(plain)}` : ""}`,
  };
  const parts = /^\/api\/v1\/([a-z]+)\/([a-z-]+)(?:\/([^/]+))?$/.exec(path);
  const verbs: Record<string, string> = { GET: "get", DELETE: "delete" };
  if (parts && verbs[method]) shown["kubectl"] = `kubectl --kubeconfig <(aic kubeconfig) ${verbs[method]} ${parts[2]}.${parts[1]}.aic.dev${parts[3] ? ` ${decodeURIComponent(parts[3])}` : ""}${method === "GET" ? " -o yaml" : ""}`;
  return shown;
}

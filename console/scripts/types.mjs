// Writes the types of what the console asks of the server: of every operation that a source names, its parameters, body and
// answer as `/openapi.json` describes them. They are gone after compiling. A test of `face-console` holds the fingerprint
// against `api/openapi.json`, so that a change of what is used is seen where there is no Node.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { fingerprint } from "./fingerprint.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const target = join(root, "src/lib/operations.ts");
const document = JSON.parse(readFileSync(process.env.AIC_OPENAPI ?? join(root, "../api/openapi.json"), "utf8"));
const SCHEMAS = "#/components/schemas/";

/** The operations that sources name, such as "GET /api/v1/kinds". */
function named() {
  const found = new Set();
  for (const entry of readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || !/\.(ts|svelte)$/.test(entry.name) || path === target) continue;
    for (const match of readFileSync(path, "utf8").matchAll(/"((?:GET|POST|PUT|PATCH|DELETE) \/[^"\s]*)"/g)) found.add(match[1]);
  }
  return [...found].sort();
}

function operation(name) {
  const [method, path] = name.split(" ");
  const told = document.paths[path]?.[method.toLowerCase()];
  if (!told) throw new Error(`there is no operation \`${name}\``);
  return told;
}

/** The body as one sends it: JSON, else a change of an object, else bytes. */
const bodyOf = (told) => ["application/json", "application/merge-patch+json", "application/octet-stream"].map((media) => told.requestBody?.content[media]?.schema).find(Boolean);
const answerOf = (told) => (told.responses["200"] ?? told.responses["201"])?.content?.["application/json"]?.schema;

/** A list tells of its items only that they are objects; they are those of its kind. */
function schemaOf(name) {
  const told = document.components.schemas[name];
  const kind = name.replace(/\.List$/, "");
  if (kind === name || !document.components.schemas[kind]) return told;
  return { ...told, properties: { ...told.properties, items: { type: "array", items: { $ref: SCHEMAS + kind } } } };
}

const plain = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name));

/** A schema as TypeScript writes it. In an answer everything is there that may not be null. */
function written(schema, isAnswer = false) {
  if (schema.$ref) return `Schemas[${JSON.stringify(schema.$ref.replace(SCHEMAS, ""))}]`;
  if (schema.enum) return schema.enum.map((it) => JSON.stringify(it)).join(" | ");
  const types = [schema.type ?? (schema.properties ? "object" : "any")].flat();
  return types.map((type) => ofType(type, schema, isAnswer)).join(" | ");
}

function ofType(type, schema, isAnswer) {
  if (type === "string") return schema.format === "binary" ? "Blob" : "string";
  if (type === "integer" || type === "number") return "number";
  if (type === "boolean" || type === "null") return type;
  if (type === "array") return `Array<${written(schema.items ?? {}, isAnswer)}>`;
  if (type !== "object") return "Json";
  if (!schema.properties) return typeof schema.additionalProperties === "object" ? `Record<string, ${written(schema.additionalProperties, isAnswer)}>` : "Fields";
  const isThere = (name, it) => (isAnswer && it.type ? ![it.type].flat().includes("null") : (schema.required ?? []).includes(name));
  const fields = Object.entries(schema.properties).map(([name, it]) => `${plain(name)}${isThere(name, it) ? "" : "?"}: ${written(it, isAnswer)}`);
  return fields.length ? `{ ${fields.join("; ")} }` : "{}";
}

function parameters(told) {
  const list = (told.parameters ?? []).filter((it) => it.in !== "header");
  return list.length ? `{ ${list.map((it) => `${plain(it.name)}${it.required ? "" : "?"}: ${written(it.schema ?? {})}${it.required ? "" : " | undefined"}`).join("; ")} }` : "{}";
}

const KEPT = ["$ref", "additionalProperties", "enum", "format", "items", "properties", "required", "type"];

/** What of a schema shows in its type, in one order. */
function shape(schema) {
  const kept = {};
  for (const key of KEPT.filter((key) => key in schema && (key !== "format" || schema[key] === "binary"))) {
    const value = schema[key];
    if (key === "properties") kept[key] = Object.fromEntries(Object.keys(value).sort().map((name) => [name, shape(value[name])]));
    else kept[key] = key === "items" || (key === "additionalProperties" && typeof value === "object") ? shape(value) : value;
  }
  return kept;
}

/** Names of the schemas below a value, each once. */
function referenced(value, into) {
  if (Array.isArray(value)) value.forEach((it) => referenced(it, into));
  else if (value && typeof value === "object") {
    if (typeof value.$ref === "string") {
      const name = value.$ref.replace(SCHEMAS, "");
      if (!into.has(name)) {
        into.add(name);
        referenced(schemaOf(name), into);
      }
    }
    Object.values(value).forEach((it) => referenced(it, into));
  }
}

const names = named();
const used = new Set();
const lines = [];
const shapes = [];
for (const name of names) {
  const told = operation(name);
  const [body, answer] = [bodyOf(told), answerOf(told)];
  referenced([body, answer], used);
  lines.push(`  ${JSON.stringify(name)}: { takes: ${parameters(told)}; body: ${body ? written(body) : "undefined"}; answers: ${answer ? written(answer, true) : "unknown"} };`);
  const takes = (told.parameters ?? []).filter((it) => it.in !== "header").map((it) => [it.name, it.required === true, shape(it.schema ?? {})]);
  shapes.push([name, takes, body ? shape(body) : null, answer ? shape(answer) : null]);
}
const schemas = [...used].sort();
for (const name of schemas) shapes.push([name, shape(document.components.schemas[name])]);
const text = `// What the console asks of the server, as \`/openapi.json\` describes it. Written by \`cargo xtask console\`; fingerprint ${fingerprint(Buffer.from(JSON.stringify(shapes)))}.

import type { Fields, Json } from "./types";

export interface Schemas {
${schemas.map((name) => `  ${JSON.stringify(name)}: ${written(schemaOf(name))};`).join("\n")}
}

export interface Operations {
${lines.join("\n")}
}
`;
writeFileSync(target, text);
console.log(`${names.length} operations, ${schemas.length} schemas`);

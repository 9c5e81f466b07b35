// A view that is loaded when it is asked for.

import type { Component } from "svelte";

export type Load = () => Promise<{ default: Component<Record<string, unknown>> }>;

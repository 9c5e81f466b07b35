// What stands in a grid and how: columns shown, ordered and pinned, rows pinned, chosen and grouped. TanStack's core decides, the grid draws.
//
// Rows come in the order they are sorted in: by the server, or by `runs.ts`, which is faster than comparing. The core keeps by which column.

import {
  aggregationFn_mean,
  columnGroupingFeature,
  columnOrderingFeature,
  columnPinningFeature,
  columnVisibilityFeature,
  constructRow,
  constructTable,
  createExpandedRowModel,
  createGroupedRowModel,
  functionalUpdate,
  rowAggregationFeature,
  rowExpandingFeature,
  rowPinningFeature,
  rowSelectionFeature,
  rowSortingFeature,
  tableFeatures,
  type Row as CoreRow,
  type RowModel,
  type Table as CoreTable,
} from "@tanstack/table-core";
import { storeReactivityBindings } from "@tanstack/table-core/store-reactivity-bindings";

export interface Column {
  id: string;
  text: string;
  end?: boolean;
  /** The path it can be sorted by. */
  sort?: string | undefined;
  width?: number;
  title?: string | undefined;
  /** What sort of values it holds, told beside its text. */
  note?: string;
  /** A group of rows shows the mean of their numbers here. */
  mean?: boolean;
  /** It cannot be hidden: it leads to what the row is about. */
  stays?: boolean;
}

/** Which columns there are to see, in which order, and which of them stay where they are. */
export interface Arrangement {
  order: string[];
  hidden: string[];
  pinned: string[];
}

const stock = tableFeatures({
  coreReactivityFeature: storeReactivityBindings(),
  columnVisibilityFeature,
  columnOrderingFeature,
  columnPinningFeature,
  rowSortingFeature,
  rowSelectionFeature,
  rowPinningFeature,
  columnGroupingFeature,
  rowAggregationFeature,
  rowExpandingFeature,
  groupedRowModel: createGroupedRowModel(),
  expandedRowModel: createExpandedRowModel(),
});
type Features = typeof stock;
const features: Features = Object.assign(stock, { coreRowModel: kept });
type Any = Record<string, unknown>;
export type Line<Row> = CoreRow<Features, Row & Any>;
export type Table<Row> = CoreTable<Features, Row & Any>;

const LOOKS = 40;

/** The first row model: a row that is there again is the same one, since a hundred thousand are not made anew for one that changed. */
function kept<Row>(table: Table<Row>): () => RowModel<Features, Row & Any> {
  const known = new WeakMap<object, Line<Row>>();
  let of: readonly object[] | undefined;
  let model: RowModel<Features, Row & Any>;
  return () => {
    const { data } = table.options;
    if (of === data) return model;
    of = data;
    const rows = data.map((original, index) => {
      const there = known.get(original);
      if (there) return there;
      const row = constructRow(table, table.getRowId(original, index), original, index, 0);
      known.set(original, row);
      return row;
    });
    let byId: Map<string, Line<Row>> | undefined;
    let asked = 0;
    // Names of a hundred thousand rows take longer to be put in order than a person waits; for a few of them it is faster to look.
    function find(id: string): Line<Row> | undefined {
      if (!byId && ++asked <= LOOKS) return rows.find((row) => row.id === id);
      return (byId ??= new Map(rows.map((row) => [row.id, row]))).get(id);
    }
    const rowsById = new Proxy({} as Record<string, Line<Row>>, { get: (_, id) => find(String(id)), has: (_, id) => !!find(String(id)) });
    model = { rows, flatRows: rows, rowsById };
    return model;
  };
}

export interface Wish<Row> {
  rows: Row[];
  columns: Column[];
  key: (row: Row) => string;
  value?: ((row: Row, id: string) => unknown) | undefined;
  arrangement: Arrangement;
  /** The path of the column it is sorted by, with a `-` where it goes down. */
  sort: string;
  selected: Set<string>;
  /** Rows that stay on top. */
  pinned: string[];
  /** The column whose values make groups. */
  group: string;
  folded: Set<string>;
  onsort: (sort: string) => void;
  onselect: (keys: Set<string>) => void;
}

export function table<Row>(): Table<Row> {
  return constructTable<Features, Row & Any>({ features, data: [], columns: [] });
}

/** Tells the table what is wanted of it now. */
export function tell<Row>(table: Table<Row>, wish: Wish<Row>): void {
  const { columns, arrangement, sort, selected, folded, group } = wish;
  const path = sort.replace(/^-/, "");
  const sorted = columns.find((column) => column.sort === path);
  const state = {
    columnVisibility: Object.fromEntries(arrangement.hidden.map((id) => [id, false])),
    columnOrder: arrangement.order,
    columnPinning: { start: arrangement.pinned, end: [] },
    sorting: sorted ? [{ id: sorted.id, desc: sort.startsWith("-") }] : [],
    rowSelection: Object.fromEntries([...selected].map((id) => [id, true] as const)),
    rowPinning: { top: wish.pinned, bottom: [] },
    grouping: group ? [group] : [],
    // Without groups there is nothing to unfold, and a hundred thousand rows need not be looked through for it.
    expanded: !group ? {} : folded.size ? Object.fromEntries([...folded].map((id) => [id, false])) : (true as const),
  };
  table.setOptions((old) => ({
    ...old,
    data: wish.rows as (Row & Any)[],
    columns: definitions(columns, wish.value),
    getRowId: (row: Row) => wish.key(row),
    getIsRowExpanded: (row) => !folded.has(row.id),
    state,
    manualSorting: true,
    sortDescFirst: false,
    enableMultiSort: false,
    groupedColumnMode: false,
    autoResetAll: false,
    onSortingChange: (change) => {
      const [first] = functionalUpdate(change, state.sorting);
      const by = columns.find((column) => column.id === first?.id)?.sort;
      wish.onsort(first && by ? `${first.desc ? "-" : ""}${by}` : "");
    },
    onRowSelectionChange: (change) => {
      // Groups are not chosen themselves, their rows are.
      wish.onselect(new Set(Object.keys(functionalUpdate(change, state.rowSelection)).filter((id) => !group || !id.startsWith(`${group}:`))));
    },
  }));
}

const defined = new WeakMap<Column[], unknown>();

/** Columns as the core wants them; the same list is the same answer, or everything would be worked out anew. */
function definitions<Row>(columns: Column[], value: Wish<Row>["value"]) {
  const make = () =>
    columns.map((column) => ({
      id: column.id,
      accessorFn: (row: Row) => value?.(row, column.id),
      enableSorting: !!column.sort,
      ...(column.mean ? { aggregationFn: aggregationFn_mean } : {}),
    }));
  const there = defined.get(columns) as ReturnType<typeof make> | undefined;
  if (there) return there;
  const fresh = make();
  defined.set(columns, fresh);
  return fresh;
}

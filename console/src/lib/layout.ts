// Where the nodes of a graph stand: in layers from what something came from to what came of it.

export interface Edge {
  from: string;
  to: string;
}

export interface Spot {
  x: number;
  y: number;
}

const WIDTH = 290;
const HEIGHT = 76;

/** A place for every node; a node stands behind everything it names. */
export function layers(nodes: string[], edges: Edge[]): Map<string, Spot> {
  const depth = new Map(nodes.map((id) => [id, 0]));
  // Cycles end with the number of rounds.
  for (let round = 0; round < nodes.length; round++) {
    let moved = false;
    for (const { from, to } of edges) {
      const wanted = (depth.get(to) ?? 0) + 1;
      if ((depth.get(from) ?? 0) < wanted && wanted <= nodes.length) {
        depth.set(from, wanted);
        moved = true;
      }
    }
    if (!moved) break;
  }
  const rows = new Map<number, string[]>();
  for (const id of nodes) rows.set(depth.get(id) ?? 0, [...(rows.get(depth.get(id) ?? 0) ?? []), id]);
  const order = new Map<string, number>();
  for (const layer of [...rows.keys()].sort((a, b) => a - b)) {
    const members = rows.get(layer) ?? [];
    // A node stands near the middle of what it names.
    const middle = (id: string): number => {
      const above = edges.filter((edge) => edge.from === id).map((edge) => order.get(edge.to) ?? 0);
      return above.length ? above.reduce((sum, it) => sum + it, 0) / above.length : 0;
    };
    members.sort((a, b) => middle(a) - middle(b)).forEach((id, index) => order.set(id, index - (members.length - 1) / 2));
  }
  return new Map(nodes.map((id) => [id, { x: (depth.get(id) ?? 0) * WIDTH, y: (order.get(id) ?? 0) * HEIGHT }]));
}

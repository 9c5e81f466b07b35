// Series of numbers as they are drawn: in typed arrays, so that many charts may be smoothed while somebody moves a slider.

export interface Curve {
  name: string;
  colour: string;
  url?: string;
  /** Ascending. */
  x: Float64Array;
  y: Float64Array;
}

type Look = Pick<Curve, "name" | "colour" | "url">;

/** A curve through points, whichever order they come in; what has no value is left out. */
export function curve<Point>(look: Look, points: readonly Point[], xOf: (point: Point) => number, yOf: (point: Point) => number | null | undefined): Curve {
  let x = new Float64Array(points.length);
  let y = new Float64Array(points.length);
  let length = 0;
  let isSorted = true;
  for (const point of points) {
    const value = yOf(point);
    if (value === null || value === undefined) continue;
    x[length] = xOf(point);
    y[length] = value;
    if (length && (x[length] as number) < (x[length - 1] as number)) isSorted = false;
    length++;
  }
  x = x.subarray(0, length);
  y = y.subarray(0, length);
  if (!isSorted) {
    const order = Array.from(x.keys()).sort((a, b) => (x[a] as number) - (x[b] as number));
    [x, y] = [Float64Array.from(order, (at) => x[at] as number), Float64Array.from(order, (at) => y[at] as number)];
  }
  return { ...look, x, y };
}

/** Whether all curves have the same places, as most do that were logged step by step. */
export function isAligned(curves: Curve[]): boolean {
  const [first, ...others] = curves;
  return others.every(({ x }) => x.length === first?.x.length && x.every((value, at) => value === first.x[at]));
}

/** Values with gaps; typed where there are none. */
export type Values = Float64Array | (number | null | undefined)[];

/** An exponential mean, from 0, none, to below 1, that does not lean to zero at the beginning; written into what is given. */
export function smooth(values: Values, by: number, into: Values): void {
  let last = 0;
  let weight = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at];
    if (value === null || value === undefined) {
      into[at] = value as never;
      continue;
    }
    last = last * by + (1 - by) * value;
    weight = weight * by + (1 - by);
    into[at] = last / weight;
  }
}

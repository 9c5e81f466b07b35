// Where the console is: the address bar is the state, so that every view can be linked to.

const BASE = "/console";

class Place {
  path = $state("/");
  query = $state<Record<string, string>>({});
  /** Counts what was opened, so that pages can tell a new visit. */
  visits = $state(0);

  read(): void {
    const path = location.pathname.startsWith(BASE) ? location.pathname.slice(BASE.length) : location.pathname;
    this.path = path.replace(/\/+$/, "") || "/";
    this.query = Object.fromEntries(new URLSearchParams(location.search));
    this.visits++;
  }

  get segments(): string[] {
    return this.path.split("/").filter(Boolean).map(decodeURIComponent);
  }

  /** The project everything is asked of. */
  project = $derived(this.query["project"] ?? "default");
}

export const place = new Place();

type Query = Record<string, string | undefined>;

/** The address of a view; the project goes along. */
export function href(path: string, query: Query = {}): string {
  const all: Query = { project: place.project, ...query };
  const pairs = Object.entries(all).filter((pair): pair is [string, string] => !!pair[1] && !(pair[0] === "project" && pair[1] === "default"));
  const text = new URLSearchParams(pairs).toString();
  const full = path === "/" ? "/" : BASE + path;
  return text ? `${full}?${text}` : full;
}

export const hrefOf = (service: string, plural: string, name?: string, query: Query = {}): string =>
  href(`/${service}/${plural}${name === undefined ? "" : `/${encodeURIComponent(name)}`}`, query);

/** Opens a view. */
export function go(url: string, replace = false): void {
  if (replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  place.read();
  if (!replace) document.getElementById("main")?.scrollTo(0, 0);
}

/** Changes what the view is asked, without a new entry in the history of the browser. */
export function ask(changes: Query): void {
  const all: Query = { ...place.query, ...changes };
  go(href(place.path, all), true);
}

/** Follows links of the console in place of the browser. */
export function start(): void {
  place.read();
  addEventListener("popstate", () => place.read());
  document.addEventListener("click", (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = (event.target as Element | null)?.closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.pathname !== "/" && link.pathname !== BASE && !link.pathname.startsWith(`${BASE}/`)) return;
    event.preventDefault();
    if (link.href !== location.href) go(link.href);
  });
}

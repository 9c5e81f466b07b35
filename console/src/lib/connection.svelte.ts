// Whether the server answers, and whether the session is still good.

class Connection extends EventTarget {
  /** The server did not answer the last time. */
  away = $state(false);
  /** The session has ended while the console was open. */
  over = $state(false);

  up(): void {
    if (this.away) this.away = false;
  }

  down(): void {
    this.away = true;
  }

  /** Whoever waits for the server asks again now. */
  again(): void {
    this.dispatchEvent(new Event("again"));
  }

  ended(): void {
    this.over = true;
  }
}

export const connection = new Connection();

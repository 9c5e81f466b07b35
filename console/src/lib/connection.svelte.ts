// Whether the server answers, and whether the session is still good.

class Connection {
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

  ended(): void {
    this.over = true;
  }
}

export const connection = new Connection();

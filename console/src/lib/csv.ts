// Comma-separated values (RFC 4180) as cells: quotes minded, which may hold separators, lines and quotes.

/** The first rows of a text, the header line among them. */
export function cells(text: string, separator: string, max: number): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let value = "";
  let isQuoted = false;
  const end = (): void => {
    row.push(value);
    value = "";
  };
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length && rows.length < max; at++) {
    const sign = text[at] ?? "";
    if (isQuoted) {
      if (sign !== '"') value += sign;
      else if (text[at + 1] === '"') {
        value += '"';
        at++;
      } else isQuoted = false;
    } else if (sign === '"' && value === "") isQuoted = true;
    else if (sign === separator) end();
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[at + 1] === "\n") at++;
      end();
      if (row.length > 1 || row[0] !== "") rows.push(row);
      row = [];
    } else value += sign;
  }
  if (rows.length < max && (value !== "" || row.length)) {
    end();
    rows.push(row);
  }
  return rows;
}

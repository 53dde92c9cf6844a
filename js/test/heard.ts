/** How long a test waits for what has to come, in milliseconds. */
export const patience = 60_000;

/** Resolves once holds says so, and rejects with what is described by missing where that takes too long. */
export async function until(holds: () => boolean, missing: () => string): Promise<void> {
  const end = performance.now() + patience;
  while (!holds()) {
    if (performance.now() > end) {
      throw new Error(`waited a minute: ${missing()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Collects what listeners hear, as lines. */
export class Heard {
  readonly lines: string[] = [];

  /** Returns a listener that adds each event, behind the listener's name. */
  listener(name: string): (event: Event) => void {
    return (event) => {
      this.lines.push(`${name} ${event.type}|${JSON.stringify((event as CustomEvent<unknown>).detail)}`);
    };
  }

  /** Waits for count lines and returns them. */
  async await(count: number): Promise<string[]> {
    await until(
      () => this.lines.length >= count,
      () => `got ${JSON.stringify(this.lines)}, want ${count} lines`,
    );
    return this.lines;
  }
}

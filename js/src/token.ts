import type { Settings } from "./options.ts";

/** The longest wait that setTimeout knows, in milliseconds. */
const longestWait = 1e9;

/** Returns the token of the settings, or what their function returns. It rejects with what that throws. */
export const tokenOf = async ({ token }: Settings): Promise<string | undefined> => (typeof token === "function" ? token() : token);

/** Returns when a token ends, in seconds since 1970: its claim exp. It is 0 for what is no JWT or has none. */
export function expiryOf(token: string): number {
  try {
    const claims = token.split(".")[1]!.replace(/-/g, "+").replace(/_/g, "/");
    return +JSON.parse(atob(claims)).exp || 0;
  } catch {
    return 0;
  }
}

/** Returns how long to wait before a token that ends at expiry is renewed, in milliseconds: three quarters of what is left. */
export const renewalDelay = (expiry: number): number => Math.min(Math.max((expiry * 1000 - Date.now()) * 0.75, 1000), longestWait);

/**
 * Resume tokens: each finds one session, is kept only as its digest, and is replaced at each resume. The older ones stay good until
 * the new one has surely arrived, for a client whose answer was lost on the way.
 */
import type * as Entropy from "@holdfast/core/Entropy"
import * as Digest from "./digest.ts"

interface Token {
  readonly turn: number
  readonly digest: string
}

/** The tokens that open one session now, oldest first; one, but for the time until a new one has arrived. */
export interface Key {
  /** The number of the newest. */
  turn: number
  tokens: ReadonlyArray<Token>
}

/** A client that comes back again and again without a word keeps no more than so many. */
const most = 4

/** New tokens, in base64url. */
export const source = (entropy: typeof Entropy.Entropy.Service) => (): string =>
  Buffer.from(entropy.bytes(32)).toString("base64url")

/** The key of a new session. */
export const key = (token: string): Key => ({ turn: 0, tokens: [{ turn: 0, digest: Digest.of(token) }] })

/** All tokens of one proxy. Looked up by digest, so the time it takes tells nothing about how much of a guess was right. */
export class Tokens<S extends { readonly key: Key }> {
  readonly #owners = new Map<string, S>()

  /** The token of a new session is good from now on. */
  add(session: S): void {
    for (const { digest } of session.key.tokens) this.#owners.set(digest, session)
  }

  /** Whose token it is. */
  find(token: string | undefined): S | undefined {
    return token === undefined ? undefined : this.#owners.get(Digest.of(token))
  }

  /** One more token, for a client that showed this one; the answer is its turn. */
  rotate(session: S, shown: string | undefined, next: string): number {
    const { key } = session
    const last = shown === undefined ? undefined : Digest.of(shown)
    const kept = key.tokens.filter(({ digest, turn }) => digest === last || turn > key.turn - most + 2)
    this.remove(session)
    key.turn++
    key.tokens = [...kept, { turn: key.turn, digest: Digest.of(next) }]
    this.add(session)
    return key.turn
  }

  /** The token of that turn has arrived: those before are worth nothing any more. */
  settle(session: S, turn: number): void {
    const { key } = session
    this.remove(session)
    key.tokens = key.tokens.filter((token) => token.turn >= turn)
    this.add(session)
  }

  /** The session is over. */
  remove({ key }: S): void {
    for (const { digest } of key.tokens) this.#owners.delete(digest)
  }
}

/**
 * What `ws` would be without a network: the bytes stay in its buffer until the test takes them.
 */
import { EventEmitter } from "node:events"
import type { About, SocketLike } from "../../src/internal/socketTransport.ts"

export class FakeSocket extends EventEmitter implements SocketLike {
  readyState = 1
  bufferedAmount = 0
  /** What it was asked, in order; messages as their payload. */
  readonly asked: Array<string> = []
  /** The payloads of its Pings. */
  readonly pings: Array<Uint8Array> = []
  /** Milliseconds, as the socket's clock shows them. */
  now = 0
  heard = 0
  readonly #flushes: Array<() => void> = []
  readonly #writes: Array<{ left: number; readonly done: () => void }> = []

  send(data: Uint8Array, options: { readonly binary: boolean }, done?: () => void): void {
    this.asked.push(`${options.binary ? "binary" : "text"} ${data.byteLength}`)
    this.bufferedAmount += data.byteLength
    this.#writes.push({ left: data.byteLength, done: done ?? (() => {}) })
  }
  ping(data: Uint8Array): void {
    this.asked.push("ping")
    this.pings.push(data)
  }
  pause(): void {
    this.asked.push("pause")
  }
  resume(): void {
    this.asked.push("resume")
  }
  close(code?: number, reason?: string): void {
    this.asked.push(["close", code, reason].filter((part) => part !== undefined && part !== "").join(" "))
    this.readyState = 2
  }
  terminate(): void {
    this.asked.push("terminate")
    this.readyState = 2
  }

  /** The system takes so many bytes; as with `ws`, the callbacks of finished writes run after the buffer shrank. */
  take(bytes = this.bufferedAmount): void {
    this.bufferedAmount -= bytes
    for (let rest = bytes; this.#writes.length > 0;) {
      const write = this.#writes[0]!
      const part = Math.min(rest, write.left)
      rest -= part
      write.left -= part
      if (write.left > 0) break
      this.#writes.shift()
      write.done()
    }
    if (this.bufferedAmount === 0) for (const done of this.#flushes.splice(0)) done()
  }

  /** It is over. */
  end(code: number, reason = ""): void {
    this.readyState = 3
    this.emit("close", code, Buffer.from(reason))
  }

  readonly about: About = {
    protocol: "one",
    headers: { a: "b" },
    cork: () => {},
    unsentBytes: () => this.bufferedAmount,
    heardBytes: () => this.heard,
    onRead: (callback) => void this.on("read", callback),
    now: () => this.now,
    nonce: 7,
    flush: (done) => void (this.bufferedAmount === 0 ? done() : this.#flushes.push(done)),
  }
}

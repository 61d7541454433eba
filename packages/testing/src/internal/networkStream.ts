/**
 * One end of a virtual TCP connection as Node's `net.Socket` behaves, as far as `effect/socket` asks: bytes, backpressure, the end of
 * the stream, and what a reset looks like.
 */
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import * as Scope from "effect/Scope"
import * as Socket from "effect/socket/Socket"
import { type End, fin, type Machine, type Trace } from "./networkEnd.ts"
import type { Pipe } from "./networkPipe.ts"

type Chunks = [Uint8Array, ...Array<Uint8Array>]
type Resume = (effect: Effect.Effect<Chunks, Socket.SocketError>) => void

// Node's default for sockets: beyond it a writer is asked to wait.
const highWatermark = 64 * 1024
const chunk = 64 * 1024

/** An end for bytes. */
export class VirtualStream implements End {
  trace: Trace = { opened: () => {}, closed: () => {} }
  onConnected: () => void = () => {}
  readonly machine: Machine
  readonly #out: Pipe
  readonly #in: Pipe
  readonly #drained = new Set<(error?: Socket.SocketError) => void>()
  #parsed = 0
  isOpen = false
  #finRead = false
  #finWritten = false
  // Made when somebody asks: an error of a Schema costs as much as many messages.
  #error: (() => Socket.SocketError) | undefined
  #waiter: Resume | undefined

  constructor(machine: Machine, out: Pipe, incoming: Pipe) {
    this.machine = machine
    this.#out = out
    this.#in = incoming
    incoming.reader = {
      readable: () => machine.act(() => this.wake()),
      reset: () => machine.act(() => this.die()),
    }
  }

  connected(): void {
    this.isOpen = true
    this.trace.opened()
    this.onConnected()
  }
  refused(error: Error): void {
    this.#end(() => new Socket.SocketError({ reason: new Socket.SocketOpenError({ kind: "Unknown", cause: error }) }))
    this.onConnected()
  }
  wake(): void {
    if (this.#waiter === undefined) return
    const chunks = this.#read()
    if (chunks !== undefined) return this.#answer(Effect.succeed(chunks))
    const error = this.#finRead ? closed(1000) : this.#error
    if (error !== undefined) this.#answer(Effect.fail(error()))
  }
  die(): void {
    this.#end(() => new Socket.SocketError({ reason: new Socket.SocketReadError({ cause: failed("read") }) }))
  }
  abort(): void {
    if (this.#error === undefined) this.#out.reset()
    this.#error ??= closed(1006)
    this.#waiter = undefined
    this.#drained.clear()
  }
  over(): boolean {
    return this.#error !== undefined
  }
  goodbye() {
    return [fin]
  }

  /** Waits for bytes. */
  readonly pull = Effect.callback<Chunks, Socket.SocketError>((resume) => {
    this.#waiter = resume
    this.wake()
    return Effect.sync(() => {
      if (this.#waiter === resume) this.#waiter = undefined
    })
  })

  /** Writes; done when it may go on. */
  write(chunks: ReadonlyArray<Uint8Array | string>): Effect.Effect<void, Socket.SocketError> {
    return Effect.suspend(() => {
      if (this.#error !== undefined || this.#finWritten) return Effect.fail(writeError())
      for (const one of chunks) {
        const data = typeof one === "string" ? text.encode(one) : one
        if (data.byteLength > 0) this.#out.write({ _tag: "Bytes", data }, data.byteLength, this.#written)
      }
      return this.#out.buffered < highWatermark ? Effect.void : this.#drain
    })
  }

  /** No more from here; with an error code the connection is torn down. */
  hangUp(code: number): void {
    if (code > 1000) return this.destroy()
    if (this.#finWritten || this.#error !== undefined) return
    this.#finWritten = true
    this.#out.write({ _tag: "Fin" }, 1)
    this.#parted()
  }

  /** As `socket.destroy()`: what the kernel has still arrives if nothing is unread here. */
  destroy(): void {
    if (this.#error !== undefined) return
    if (!this.isOpen || this.#in.arrived > 0) this.#out.reset()
    else if (!this.#finWritten) this.#out.finish()
    this.#end(closed(1006))
  }

  #read(): Chunks | undefined {
    if (!this.machine.reads()) return undefined
    const chunks: Array<Uint8Array> = []
    for (let bytes = this.#in.take(chunk); bytes > 0; bytes = this.#in.take(chunk)) {
      this.#parsed += bytes
      for (let next = this.#in.next(this.#parsed); next !== undefined; next = this.#in.next(this.#parsed)) {
        if (next.frame._tag === "Bytes") chunks.push(next.frame.data)
        else if (next.frame._tag === "Fin") this.#hearEnd()
      }
    }
    const [first, ...rest] = chunks
    return first === undefined ? undefined : [first, ...rest]
  }
  // As Node does unless told otherwise, it ends its own half, too.
  #hearEnd(): void {
    this.#finRead = true
    this.hangUp(1000)
    this.#parted()
  }
  #parted(): void {
    if (this.#finRead && this.#finWritten) this.machine.loop.after(0, () => this.#end(closed(1000)))
  }
  #answer(effect: Effect.Effect<Chunks, Socket.SocketError>): void {
    const resume = this.#waiter!
    this.#waiter = undefined
    resume(effect)
  }
  #end(error: () => Socket.SocketError): void {
    if (this.#error !== undefined) return
    this.#error = error
    this.#out.abandon()
    for (const resume of this.#drained) resume(writeError())
    this.trace.closed(null)
    this.wake()
  }
  readonly #written = (): void => {
    if (this.#out.buffered < highWatermark) this.machine.act(() => this.#drained.forEach((resume) => resume()))
  }
  readonly #drain = Effect.callback<void, Socket.SocketError>((resume) => {
    const done = (error?: Socket.SocketError) => {
      this.#drained.delete(done)
      resume(error === undefined ? Effect.void : Effect.fail(error))
    }
    this.#drained.add(done)
    return Effect.sync(() => this.#drained.delete(done))
  })
}

/** An Effect Socket: whoever takes its reader makes the connection, which lives as long as that scope. */
export const socketOf = (open: Effect.Effect<VirtualStream, Socket.SocketError, Scope.Scope>): Socket.Socket => {
  const latch = Latch.makeUnsafe(false)
  let current: VirtualStream | undefined
  const write = (chunks: ReadonlyArray<Uint8Array | string>): Effect.Effect<void, Socket.SocketError> =>
    Effect.suspend(() => current?.write(chunks) ?? latch.whenOpen(write(chunks)))
  const close = (code: number): Effect.Effect<void> =>
    Effect.suspend(() =>
      current === undefined ? latch.whenOpen(close(code)) : Effect.sync(() => current?.hangUp(code)),
    )
  return Socket.make({
    reader: Effect.gen(function* () {
      const stream = yield* open
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          latch.closeUnsafe()
          current = undefined
        }),
      )
      current = stream
      latch.openUnsafe()
      return { pull: stream.pull, upgrade: Socket.SocketUpgradeError.unsupported }
    }),
    writer: Effect.succeed({
      write: (chunk) => (Socket.isCloseEvent(chunk) ? close(chunk.code) : write([chunk])),
      writeAll: write,
    }),
  })
}

/** Waits until it is open; gives it up with the scope. */
export const opened = (dial: () => VirtualStream): Effect.Effect<VirtualStream, Socket.SocketError, Scope.Scope> =>
  Effect.flatMap(
    Effect.acquireRelease(Effect.sync(dial), (stream) => Effect.sync(() => stream.destroy())),
    (stream) =>
      Effect.callback((resume) => {
        stream.onConnected = () =>
          resume(stream.over() ? Effect.flatMap(stream.pull, () => Effect.never) : Effect.succeed(stream))
        if (stream.isOpen || stream.over()) stream.onConnected()
      }),
  )

const text = new TextEncoder()
const failed = (what: string): Error => Object.assign(new Error(`${what} ECONNRESET`), { code: "ECONNRESET" })
const closed = (code: number) => (): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code }) })
const writeError = (): Socket.SocketError =>
  new Socket.SocketError({ reason: new Socket.SocketWriteError({ cause: failed("write") }) })

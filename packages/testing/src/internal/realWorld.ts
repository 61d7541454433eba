/**
 * Sees what a program starts in the real world while it is simulated: timers, sockets, files, promises. Possible because a run never
 * leaves the call stack, so whatever begins meanwhile is its doing; silent where there is no `node:async_hooks`, as in browsers.
 */
import * as CallSite from "./callSite.ts"

/** Something real that a simulated program started. */
export interface Escape {
  /** In ordinary words: `timer`, `socket`, `promise`. */
  readonly kind: string
  /** The program's own line that did it, if one can be told. */
  readonly where: string | undefined
}

/** An escape, and whether it may be innocent: a promise harms nobody until a fiber waits for it. */
export interface Sighting extends Escape {
  readonly soft: boolean
}

/** Whether anything can be seen here at all. */
export const canSee = (): boolean => hooksOf() !== undefined

/** Runs `body` and reports what it starts in the real world. */
export const watch = <A>(report: (sighting: Sighting) => void, body: () => A): A => {
  const hook = hooksOf()?.createHook({
    init: (_, type) => {
      const kind = kinds[type]
      if (kind === undefined) return
      const lines = CallSite.capture(50)()
      // Printing needs timers and sockets of its own.
      if (lines.some((line) => line.includes("node:internal/console/"))) return
      report({ kind, where: CallSite.own(lines)[0], soft: soft.has(kind) })
    },
  })
  hook?.enable()
  try {
    return body()
  } finally {
    hook?.disable()
  }
}

const hooksOf = () => (typeof process === "undefined" ? undefined : process.getBuiltinModule?.("node:async_hooks"))

const soft = new Set(["promise", "microtask", "tick"])

// Node's names of what it can start. What is missing here is innocent (`effect/Fiber`, pipes to a terminal) or follows from these.
const kinds: Readonly<Record<string, string>> = {
  PROMISE: "promise",
  Microtask: "microtask",
  TickObject: "tick",
  Timeout: "timer",
  Immediate: "immediate",
  TCPWRAP: "socket",
  TCPSERVERWRAP: "server socket",
  TCPCONNECTWRAP: "socket",
  PIPECONNECTWRAP: "socket",
  PIPESERVERWRAP: "server socket",
  UDPWRAP: "socket",
  TLSWRAP: "socket",
  HTTPCLIENTREQUEST: "request",
  HTTP2SESSION: "HTTP/2 session",
  GETADDRINFOREQWRAP: "name lookup",
  GETNAMEINFOREQWRAP: "name lookup",
  QUERYWRAP: "name lookup",
  FSREQCALLBACK: "file operation",
  FSREQPROMISE: "file operation",
  FILEHANDLE: "file operation",
  FSEVENTWRAP: "file watcher",
  STATWATCHER: "file watcher",
  PROCESSWRAP: "process",
  WORKER: "worker",
  MESSAGEPORT: "message port",
  RANDOMBYTESREQUEST: "random bytes",
  PBKDF2REQUEST: "key derivation",
  SCRYPTREQUEST: "key derivation",
  KEYPAIRGENREQUEST: "key generation",
  ZLIB: "compression",
}

/**
 * The WebSockets of the virtual network are those of `ws`: the same scripts on both, on a real port and in the simulator, tell the same.
 */
import { assert, describe, it } from "@effect/vitest"
import { Sim, VirtualNetwork } from "@holdfast/testing"
import { Effect, Exit } from "effect"
import type { AddressInfo } from "node:net"
import { WebSocket, WebSocketServer } from "ws"
import { eventually } from "./kit/eventually.ts"

/** What both have. */
type Either = WebSocket | VirtualNetwork.VirtualWebSocket

/** What one side has told, in order. */
type Lines = Array<string>

interface Script {
  readonly name: string
  /** Options of the client. */
  readonly dial?: VirtualNetwork.DialOptions & { readonly protocols?: ReadonlyArray<string> }
  /** Options of the server. */
  readonly maxPayload?: number
  /** Answers this instead of 101. */
  readonly refuses?: number
  /** Nobody listens. */
  readonly nobody?: boolean
  /** Right after the call that dials. */
  readonly dialled?: (client: Either, say: (line: string) => void) => void
  /** Once both are open; `say` adds a line to the client's. */
  readonly open?: (client: Either, server: Either, say: (line: string) => void) => void
  /** When it is over; default: both are closed. */
  readonly until?: (client: Lines, server: Lines) => boolean
}

const listen = (socket: Either, lines: Lines): void => {
  const on = (event: string, write: (...args: Array<never>) => string) =>
    socket.on(event as "open", ((...args: Array<never>) => void lines.push(write(...args))) as () => void)
  on("open", () => "open")
  on("message", (data: Buffer, binary: boolean) => `message ${data.toString("latin1")} ${binary}`)
  on("ping", (data: Buffer) => `ping ${data.toString()}`)
  on("pong", (data: Buffer) => `pong ${data.toString()}`)
  on("error", (error: Error & { code?: string }) => `error ${error.code ?? error.message}`)
  on("close", (code: number, reason: Buffer) => `close ${code} ${reason.toString()}`)
}

const isClosed = (lines: Lines) => lines.some((line) => line.startsWith("close"))
const thrown = (run: () => void): string => {
  try {
    run()
    return "nothing is thrown"
  } catch (error) {
    return String(error)
  }
}

const scripts: ReadonlyArray<Script> = [
  {
    name: "messages both ways, and a goodbye of the client",
    open: (client, server) => {
      client.send("text")
      client.send(Buffer.from([1, 2, 255]))
      client.send("as bytes", { binary: true })
      server.send("back")
      server.send("")
      const when = (socket: Either, text: string, run: () => void) =>
        socket.on("message", (data: unknown) => {
          if (String(data) === text) run()
        })
      when(server, "as bytes", () => server.send("all"))
      when(client, "all", () => client.close(1000, "bye"))
    },
  },
  { name: "a goodbye of the server with a code of its own", open: (_, server) => server.close(4321, "enough, really") },
  { name: "a goodbye without a code", open: (client) => client.close() },
  {
    name: "goodbyes of both at the same time",
    open: (client, server) => {
      client.close(4001, "mine")
      server.close(4002, "yours")
    },
  },
  { name: "terminated by the client", open: (client) => client.terminate() },
  {
    name: "terminated by the server behind messages",
    open: (_, server) => {
      server.send("one")
      server.send("two", () => server.terminate())
    },
  },
  {
    name: "pings and pongs",
    open: (client, server) => {
      client.ping("a")
      server.ping("b")
      client.pong("nobody asked")
    },
    until: (client, server) => client.length >= 3 && server.length >= 3,
  },
  {
    name: "a message above the limit",
    maxPayload: 100,
    open: (client) => {
      client.send("x".repeat(100))
      client.send("x".repeat(101))
      client.send("not any more")
    },
  },
  {
    name: "sending when it is over",
    open: (client, _, say) => {
      client.close(1000)
      say(`buffered ${client.bufferedAmount}`)
      client.send("too late", (error?: Error) => say(String(error)))
      client.send("four")
      say(`buffered ${client.bufferedAmount}`)
      client.on("close", () => {
        client.send("later still", (error?: Error) => say(String(error)))
        client.ping("nothing")
        say(`state ${client.readyState}`)
      })
    },
    until: (client, server) => client.some((line) => line.includes("3 (CLOSED)")) && isClosed(server),
  },
  {
    name: "codes and reasons that must not be sent",
    open: (client, _, say) => {
      for (const code of [999, 1004, 1005, 1006, 1015, 2999, 5000]) say(thrown(() => client.close(code)))
      say(thrown(() => client.close(1000, "x".repeat(124))))
      say(`state ${client.readyState}`)
      client.terminate()
    },
  },
  {
    name: "sending before it is open",
    dialled: (client, say) => {
      say(thrown(() => client.send("too soon")))
      say(thrown(() => client.ping()))
      say(`state ${client.readyState}`)
    },
    open: (client) => client.close(1001),
  },
  { name: "given up before it is open", dialled: (client) => client.close(1000), until: (client) => isClosed(client) },
  {
    name: "terminated before it is open",
    dialled: (client) => client.terminate(),
    until: (client) => isClosed(client),
  },
  { name: "nobody listens", nobody: true, until: (client) => isClosed(client) },
  { name: "refused with a status", refuses: 503, until: (client) => isClosed(client) },
  {
    name: "a protocol that is chosen",
    dial: { protocols: ["one", "two"] },
    open: (client, server, say) => {
      say(`${client.protocol} ${server.protocol}`)
      client.close(1000)
    },
  },
  {
    name: "paused, it tells nothing, not even the end, until it goes on",
    open: (client, server, say) => {
      client.pause()
      server.send("held")
      server.close(4000, "unseen")
      say(`paused ${client.isPaused}`)
      later(server, () => {
        say("goes on")
        client.resume()
      })
    },
  },
  {
    name: "as browsers hear it",
    open: (client, server, say) => {
      client.binaryType = "arraybuffer"
      const web = client as VirtualNetwork.VirtualWebSocket // the types of the two have other words for the same events
      web.addEventListener("message", ({ data, type }) =>
        say(`${type} ${typeof data === "string" ? data : (data as ArrayBuffer).byteLength}`),
      )
      web.addEventListener("close", ({ code, reason, type, wasClean }) => say([type, code, reason, wasClean].join()))
      server.send("text")
      server.send(Buffer.alloc(3))
      server.close(4444, "why")
    },
    until: (client, server) => client.some((line) => line.startsWith("close,")) && isClosed(server),
  },
]

/** Some turns later, in either world. */
const later = (socket: Either, run: () => void): void => {
  if ("machine" in socket) socket.machine.loop.after(50, run)
  else setTimeout(run, 50)
}

const over = ({ until = (client, server) => isClosed(client) && isClosed(server) }: Script) => until

/** On a real port. */
const real = (script: Script) =>
  Effect.gen(function* () {
    const [client, server]: [Lines, Lines] = [[], []]
    const wss = yield* Effect.acquireRelease(
      Effect.callback<WebSocketServer>((resume) => {
        const wss = new WebSocketServer({
          host: "127.0.0.1",
          port: 0,
          ...(script.maxPayload === undefined ? {} : { maxPayload: script.maxPayload }),
          ...(script.refuses === undefined
            ? {}
            : {
                verifyClient: (_: unknown, answer: (ok: boolean, status: number) => void) =>
                  answer(false, script.refuses!),
              }),
        })
        wss.on("listening", () => resume(Effect.succeed(wss)))
      }),
      (wss) =>
        Effect.callback<void>((resume) => {
          for (const one of wss.clients) one.terminate()
          wss.close(() => resume(Effect.void))
        }),
    )
    const { port } = wss.address() as AddressInfo
    if (script.nobody === true) yield* Effect.callback<void>((resume) => wss.close(() => resume(Effect.void)))
    const { protocols = [], ...options } = script.dial ?? {}
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, [...protocols], options)
    begin(script, socket, (accepted) => wss.on("connection", accepted), client, server)
    yield* eventually(() => over(script)(client, server))
    return { client, server, state: socket.readyState }
  })

/** In the simulator. */
const virtual = (script: Script) => {
  const [client, server]: [Lines, Lines] = [[], []]
  const program = Effect.gen(function* () {
    const network = yield* VirtualNetwork.VirtualNetwork
    let accepted: (socket: Either) => void = () => {}
    const options = script.maxPayload === undefined ? {} : { maxPayload: script.maxPayload }
    if (script.nobody === true) network.host("server")
    else
      yield* network
        .host("server")
        .onUpgrade(
          80,
          (upgrade) => (script.refuses === undefined ? accepted(upgrade.accept()) : upgrade.reject(script.refuses)),
          options,
        )
    const { protocols = [], ...rest } = script.dial ?? {}
    const socket = network.host("client").webSocket("ws://server/", protocols, rest)
    begin(script, socket, (listener) => (accepted = listener), client, server)
    yield* Effect.sleep("1 minute")
    return { client, server, state: socket.readyState }
  })
  const { exit } = Sim.run(program, { preempt: 0 })
  return Exit.isSuccess(exit) ? exit.value : assert.fail(String(exit))
}

const begin = (
  { dialled, open }: Script,
  socket: Either,
  onAccepted: (listener: (socket: Either) => void) => void,
  client: Lines,
  server: Lines,
) => {
  const say = (line: string) => void client.push(line)
  let [here, there] = [false, undefined as Either | undefined]
  const both = () => here && there !== undefined && open?.(socket, there, say)
  listen(socket, client)
  socket.on("open", () => {
    here = true
    both()
  })
  onAccepted((accepted) => {
    listen(accepted, server)
    there = accepted
    both()
  })
  dialled?.(socket, say)
}

describe("a virtual WebSocket tells what a real one does", () => {
  for (const script of scripts) {
    it.live(script.name, () =>
      Effect.gen(function* () {
        const [found, expected] = [virtual(script), yield* real(script)]
        assert.isTrue(over(script)(found.client, found.server), found.client.concat(found.server).join("\n"))
        assert.deepStrictEqual(found, expected)
      }),
    )
  }
})

/**
 * Small programs on the virtual network, and runs that must come out well.
 */
import { Fault, type FaultPlan, Sim, VirtualNetwork } from "@holdfast/testing"
import { Cause, Effect, Exit } from "effect"

/** What the program answers; anything else that a run can find fails. */
export const valueOf = <A, E>(program: Effect.Effect<A, E, Sim.World>, options: Sim.RunOptions = {}): A => {
  const { escapes, exit, leaked } = Sim.run(program, options)
  if (Exit.isFailure(exit)) throw new Error(Cause.pretty(exit.cause))
  if (leaked.length + escapes.length > 0) throw new Error(JSON.stringify([leaked, escapes]))
  return exit.value
}

/** The way a program failed. */
export const failureOf = (program: Effect.Effect<unknown, unknown, Sim.World>): string => {
  const { exit } = Sim.run(program)
  if (Exit.isFailure(exit)) return Cause.pretty(exit.cause)
  throw new Error("it succeeded")
}

/** A plan of faults in their short form. */
export const planOf = (
  seconds: number,
  ...faults: ReadonlyArray<readonly [at: FaultPlan.Entry["at"], on: string, fault: string, time?: Fault.Time]>
): FaultPlan.FaultPlan => ({
  seed: 0,
  healAt: `${seconds}s`,
  faults: faults.map(([at, on, text, time]) => ({
    at,
    on,
    fault: Fault.parse(text),
    ...(time === undefined ? {} : { for: time }),
  })),
})

/** What an end of a WebSocket has told so far, with the time in milliseconds. */
export interface Diary {
  readonly socket: VirtualNetwork.VirtualWebSocket
  readonly lines: Array<string>
}

/** Writes down what a WebSocket emits. */
export const diary = (socket: VirtualNetwork.VirtualWebSocket): Diary => {
  const lines: Array<string> = []
  const write = (line: string) => void lines.push(`${line} @${socket.machine.loop.now()}`)
  socket.on("open", () => write("open"))
  socket.on("message", (data: Buffer) => write(`message ${data.toString()}`))
  socket.on("ping", (data: Buffer) => write(`ping ${data.toString()}`))
  socket.on("pong", (data: Buffer) => write(`pong ${data.toString()}`))
  socket.on("error", (error: Error) => write(`error ${error.message}`))
  socket.on("close", (code: number, reason: Buffer) => write(`close ${code} ${reason.toString()}`.trimEnd()))
  return { socket, lines }
}

/** A client and a server with an open WebSocket between them, and what both have told; the server's is there when it is open. */
export const chatting = Effect.fnUntraced(function* (options: VirtualNetwork.DialOptions = {}) {
  const network = yield* VirtualNetwork.VirtualNetwork
  const accepted: Array<Diary> = []
  yield* network.host("server").onWebSocket(80, (socket) => void accepted.push(diary(socket)))
  const client = diary(network.host("client").webSocket("ws://server/chat", [], options))
  return { network, client, accepted }
})

/** A server that sends everything back. */
export const echoing = Effect.fnUntraced(function* (name: string) {
  const network = yield* VirtualNetwork.VirtualNetwork
  yield* network.host(name).onWebSocket(80, (socket) => {
    socket.on("message", (data: Buffer, binary: boolean) => socket.send(data, { binary }))
    socket.on("error", () => {})
  })
})

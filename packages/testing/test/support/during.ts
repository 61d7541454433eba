/**
 * A client that says "n" every 100 ms to a server which says it back, on a link of 1 ms, while a plan is played.
 */
import { type Fault, type FaultPlan, VirtualNetwork } from "@holdfast/testing"
import { Effect } from "effect"
import { type Diary, diary, planOf, valueOf } from "./net.ts"

/** What that client, a second one that dials at 1.5 s, and the server have told; by default there is a fault from 1 s to 2 s. */
export const during = (
  fault: string,
  options: { readonly on?: string; readonly at?: FaultPlan.Entry["at"]; readonly time?: Fault.Time } = {},
) => {
  const { at = "1s", on = "client-server", time = "1s" } = options
  return valueOf(
    Effect.gen(function* () {
      const network = yield* VirtualNetwork.VirtualNetwork
      const served: Array<Diary> = []
      yield* network.host("server").onWebSocket(80, (socket) => {
        served.push(diary(socket))
        socket.on("message", (data: Buffer) => socket.send(data.toString()))
      })
      const { webSocket } = network.host("client")
      const client = diary(webSocket("ws://server"))
      const say = (socket: VirtualNetwork.VirtualWebSocket, text: string) => {
        if (socket.readyState === 1) socket.send(text)
      }
      let late: Diary | undefined
      for (let n = 1; n <= 29; n++) {
        yield* Effect.sleep(100)
        if (n === 15) late = diary(webSocket("ws://server"))
        say(client.socket, String(n))
        if (late !== undefined) say(late.socket, `late ${n}`)
      }
      yield* Effect.sleep("1 hour")
      return { client: client.lines, server: served.map(({ lines }) => lines), late: late!.lines }
    }),
    { plan: planOf(4, [at, on, fault, time]), atMost: "2 hours" },
  )
}

/** Round trips of the numbers that came back, in milliseconds. */
export const trips = (lines: ReadonlyArray<string>): Readonly<Record<number, number>> =>
  Object.fromEntries(
    lines.flatMap((line) => {
      const match = /^message (\d+) @(\d+)$/.exec(line)
      return match === null ? [] : [[Number(match[1]), Number(match[2]) - 100 * Number(match[1])]]
    }),
  )
/** How it ended. */
export const lastOf = (lines: ReadonlyArray<string>): string => lines.at(-1)!
/** The first line that begins so. */
export const from = (lines: ReadonlyArray<string>, start: string) => lines.find((line) => line.startsWith(start))

/**
 * How faults end connections: what each of them does to one that is there when it begins, and to one that comes about meanwhile.
 */
import type { Fault } from "../Fault.ts"
import type { Connection } from "./networkConnection.ts"
import type { Loop } from "./networkLoop.ts"
import { waysOf } from "./networkWeather.ts"
import * as Readable from "./readable.ts"

/** When: it was open already, it has just been made, or its protocol has just opened it. */
export type Stage = "before" | "made" | "opened"

/** Passes the sentence; the answer takes back what has not happened yet. */
export const pass = (loop: Loop, fault: Fault, connection: Connection, stage: Stage): (() => void) | undefined => {
  // Protocols that open by themselves can only be told goodbye after that.
  const polite = stage === "opened" || (stage === "before" && connection.dialler !== undefined)
  switch (fault._tag) {
    case "reset": {
      if (stage === "opened") return undefined
      const { after, dir } = fault
      if (after === undefined) return void connection.sever()
      if (!after.endsWith("B")) return loop.after(Readable.millis(after), () => connection.sever())
      const bytes = Readable.bytes(after)
      const reached = () => connection.sever()
      return connection.limit(waysOf(dir), () => ({ bytes, messages: Infinity, before: false, reached }))
    }
    case "timeoutClose":
      return stage === "opened" ? undefined : loop.after(Readable.millis(fault.after), () => connection.finish())
    case "closeClean":
      return polite ? void connection.finish(fault.code ?? 1000, fault.reason) : undefined
    case "serverError":
      if (fault.status < 1000 || !polite || (fault.drain === true && stage === "before")) return undefined
      return void (fault.status === 1006 ? connection.sever() : connection.finish(fault.status))
    case "cutAt": {
      if (stage === "opened") return undefined
      const messages = fault.frame ?? Infinity
      const bytes = fault.bytes === undefined ? (fault.frame === undefined ? 0 : Infinity) : Readable.bytes(fault.bytes)
      const reached = () => connection.finish()
      return connection.limit(waysOf(fault.dir), () => ({ bytes, messages, before: false, reached }))
    }
    case "lostAck": {
      if (stage === "opened") return undefined
      const reached = () => connection.sever()
      return connection.limit(["down"], () => ({ bytes: Infinity, messages: fault.nth, before: true, reached }))
    }
    default:
      return undefined
  }
}

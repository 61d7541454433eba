/**
 * What a link adds to the errors of one's own dial. Plain classes: their Schemas would weigh on the browser's path.
 */
import * as Data from "effect/Data"

/** The dial took longer than `connectTimeout`. */
export class ConnectTimeout extends Data.TaggedError("ConnectTimeout")<{ readonly target: string }> {
  override get message(): string {
    return `${this.target} did not answer in time; raise \`connectTimeout\` or look at the peer`
  }
}

/** The connection went away while it was in use. */
export class Lost extends Data.TaggedError("Lost")<{ readonly target: string; readonly why: string }> {
  override get message(): string {
    return `the connection to ${this.target} was lost (${this.why}); try again, or wait with \`Link.waitForReady\``
  }
}

/** The link's scope is closed; nothing will dial again. */
export class Closed extends Data.TaggedError("Closed")<{ readonly target: string }> {
  override get message(): string {
    return `the link to ${this.target} is closed; use it inside the scope it was made in`
  }
}

/** Why a link could not be used; `reason` says which. */
export class LinkError extends Data.TaggedError("LinkError")<{ readonly reason: ConnectTimeout | Lost | Closed }> {
  override get message(): string {
    return this.reason.message
  }
}

// Thousands may be made in one moment, when a server goes; where they are made says nothing, and costs most of the time.
const stackless = (make: () => LinkError): LinkError => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  const error = make()
  Error.stackTraceLimit = limit
  return error
}

export const connectTimeout = (target: string) =>
  stackless(() => new LinkError({ reason: new ConnectTimeout({ target }) }))
export const lost = (target: string, why: string) =>
  stackless(() => new LinkError({ reason: new Lost({ target, why }) }))
export const closed = (target: string) => stackless(() => new LinkError({ reason: new Closed({ target }) }))

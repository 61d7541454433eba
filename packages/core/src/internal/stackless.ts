/**
 * A base for errors that are made for every refused call: `Error`s to `instanceof` and to loggers, but without the stack trace, which
 * costs more than all the rest and says nothing about why a call was refused.
 */

// Its constructor takes no stack, as that of `Error` does.
const Bare = /* @__PURE__ */ (() => {
  const Bare = function () {}
  Bare.prototype = Object.create(Error.prototype)
  return Bare as unknown as new () => Error // what it makes inherits all that errors have
})()

/** An error of which there may be very many. */
export abstract class Stackless extends Bare {
  abstract readonly _tag: string

  override get name(): string {
    return this._tag
  }

  override get stack(): string {
    return `${this._tag}: ${this.message}`
  }
}

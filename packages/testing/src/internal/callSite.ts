/**
 * Which lines of the program are on the call stack: what comes between our own frames, without Node's and Effect's.
 */

/** Remembers the call stack. Cheap until somebody asks for its lines, the innermost first. */
export const capture = (depth: number): (() => ReadonlyArray<string>) => {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = depth
  const error = new Error()
  Error.stackTraceLimit = limit
  return () => (error.stack ?? "").split("\n").flatMap((line) => /^\s+at (.*)$/.exec(line)?.[1] ?? [])
}

/** The program's own lines: ours that looked come first, then the program, then ours that drive it, then whoever asked for the run. */
export const own = (lines: ReadonlyArray<string>): ReadonlyArray<string> => {
  const home = new URL("..", import.meta.url).pathname
  const isOurs = (line: string) => line.includes(home) || line.includes(decodeURI(home))
  const inside = lines.slice(lines.findIndex((line) => !isOurs(line)))
  const end = inside.findIndex(isOurs)
  return inside.slice(0, end < 0 ? undefined : end).filter((line) => !foreign.test(line))
}

const foreign = /\bnode:|<anonymous>\)?$|[\\/]node_modules[\\/]effect[\\/]/

/**
 * Which upstream URL a client's request target stands for, and which targets are refused: a client chooses path and query,
 * never a host. Pure.
 */

/** Why the target is refused, or `undefined` when it is fine. */
export const refusal = (target: string): string | undefined => {
  if (!target.startsWith("/")) return "the request target must be a path; absolute URLs are not proxied"
  if (target.startsWith("//") || target.includes("\\")) return "the request target must not name a host"
  if (!/^[\x21-\x7e]*$/.test(target) || target.includes("#"))
    return "the request target has characters that must be escaped"
  const path = pathOf(target)
  // Servers exist that decode `%2F` and `%5C` before they look for `..`.
  if (path.split(/\/|%2f|%5c/i).some((segment) => segment.replace(/%2e/gi, ".") === "..")) {
    return "the request target must not contain `..`"
  }
  return undefined
}

/** The client's path behind the base path; its query, if it has one, instead of the base query. */
export const resolve = (base: URL, target: string): string => {
  const path = pathOf(target)
  const query = target.slice(path.length)
  const joined = path === "/" ? base.pathname : base.pathname.replace(/\/$/, "") + path
  return `${base.protocol}//${base.host}${joined}${query === "" ? base.search : query}`
}

/** Whether the target lies at the path or below it. */
export const isBelow = (path: string, target: string): boolean => {
  const prefix = path.replace(/\/$/, "")
  const own = pathOf(target)
  return own === prefix || own.startsWith(`${prefix}/`)
}

/** The target without the path prefix it lies below; always starts with `/`. */
export const stripPrefix = (path: string, target: string): string => {
  const rest = target.slice(path.replace(/\/$/, "").length)
  return rest.startsWith("/") ? rest : `/${rest}`
}

/** The target without its query. */
export const pathOf = (target: string): string => {
  const query = target.indexOf("?")
  return query === -1 ? target : target.slice(0, query)
}

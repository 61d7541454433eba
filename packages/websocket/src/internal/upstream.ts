/**
 * What may be said of an upstream's URL: whether the proxy takes it, and how it is shown, without the query, which may hold a secret.
 */

/** Whether the proxy can dial it. */
export const isUpstream = (text: string): boolean => {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url !== undefined && /^wss?:$/.test(url.protocol) && `${url.username}${url.password}${url.hash}` === ""
}

/** One the proxy cannot dial is a defect. */
export const parse = (upstream: string, option = "upstream"): URL => {
  if (isUpstream(upstream)) return new URL(upstream)
  throw new TypeError(
    `${option}: expected a ws:// or wss:// URL without credentials and fragment, got ${JSON.stringify(upstream)}`,
  )
}

/** For people, labels and logs. */
export const nameOf = (upstream: string): string => {
  const url = new URL(upstream)
  return `${url.protocol}//${url.host}${url.pathname === "/" ? "" : url.pathname}`
}

/** Whether the connection to it is encrypted. */
export const isSecure = (upstream: string): boolean => new URL(upstream).protocol === "wss:"

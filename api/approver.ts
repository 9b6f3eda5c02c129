/** People are `user:<name>`, however their name was written. */
export function approverOf(name: string): string {
  return name.startsWith('user:') ? name : `user:${name}`;
}

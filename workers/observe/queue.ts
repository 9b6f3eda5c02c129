/** First in, first out; an array's own `shift` moves all that is behind. */
export class Queue<Item> {
  private items: Item[] = [];
  private head = 0;

  get size(): number {
    return this.items.length - this.head;
  }

  push(item: Item): void {
    this.items.push(item);
  }

  shift(): Item | undefined {
    const item = this.items[this.head];
    this.head += 1;
    if (this.head >= this.items.length) {
      this.items = [];
      this.head = 0;
    }
    return item;
  }
}

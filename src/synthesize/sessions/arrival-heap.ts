/** A binary heap by arrival; of equal arrivals the one that was pushed first comes first. */

export class ArrivalHeap<T extends { readonly arrivalUs: number }> {
  readonly #items: { readonly item: T; readonly arrivalUs: number; readonly order: number }[] = [];
  #pushed = 0;

  get size(): number {
    return this.#items.length;
  }

  peek(): T | null {
    return this.#items.length === 0 ? null : this.#items[0].item;
  }

  push(item: T): void {
    const items = this.#items;
    items.push({ item, arrivalUs: item.arrivalUs, order: this.#pushed++ });
    for (let child = items.length - 1; child > 0; ) {
      const parent = (child - 1) >> 1;
      if (!this.#isBefore(child, parent)) break;
      [items[child], items[parent]] = [items[parent], items[child]];
      child = parent;
    }
  }

  pop(): T | null {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (last === undefined) return null;
    if (items.length === 0) return top.item;
    items[0] = last;
    for (let parent = 0; ; ) {
      let least = parent;
      for (let child = 2 * parent + 1; child <= 2 * parent + 2 && child < items.length; child++) {
        if (this.#isBefore(child, least)) least = child;
      }
      if (least === parent) return top.item;
      [items[parent], items[least]] = [items[least], items[parent]];
      parent = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    const x = this.#items[a];
    const y = this.#items[b];
    return x.arrivalUs < y.arrivalUs || (x.arrivalUs === y.arrivalUs && x.order < y.order);
  }
}

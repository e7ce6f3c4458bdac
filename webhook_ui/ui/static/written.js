/* What the server has written as a whole (`written.py`). Whoever stands in it, or has pressed something in it that he has
   not let go yet, does not lose it when it is written anew: what is the same as before stays, and only the rest is
   exchanged. */
const PLACES = "a[href], button, input";

function turnInto(old, fresh) {
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  fill(old, fresh);
}

/* one after the other; what is of another kind, or does something else, is not the same */
const isSame = (old, fresh) => old.nodeName === fresh.nodeName && old.dataset?.do === fresh.dataset?.do;

function fill(place, fresh) {
  const before = [...place.childNodes];
  const after = [...fresh.childNodes];
  after.forEach((one, at) => {
    const old = before[at];
    if (!old) place.append(one);
    else if (isSame(old, one)) turnInto(old, one);
    else old.replaceWith(one);
  });
  for (const left of before.slice(after.length)) left.remove();
}

export default {
  template: `<component :is="asTag"></component>`,
  props: { asTag: String, markup: String },
  mounted() {
    this.$el.innerHTML = this.markup;
    this.row = this.$el.dataset.row;
  },
  watch: {
    markup: { handler: "write", flush: "post" },
  },
  methods: {
    write() {
      const other = this.row !== this.$el.dataset.row; // it shows another one now, on which nobody stood
      this.row = this.$el.dataset.row;
      if (other) this.$el.innerHTML = this.markup;
      else this.exchange();
    },
    exchange() {
      const places = () => [...this.$el.querySelectorAll(PLACES)];
      const name = (place) => place?.dataset.do || place?.getAttribute("href");
      const before = places();
      const at = before.indexOf(document.activeElement);
      const known = name(before[at]);
      const fresh = this.$el.cloneNode(false); // of the same kind: a row's cells are understood in a row alone
      fresh.innerHTML = this.markup;
      fill(this.$el, fresh);
      if (at < 0 || document.activeElement === before[at]) return;
      const after = places();
      const again = after.find((place) => name(place) === known) ?? after[Math.min(at, after.length - 1)];
      again?.focus({ preventScroll: true });
    },
  },
};

/* What the server has written as a whole (`written.py`). Whoever stands in it stays there when it is written anew. */
const PLACES = "a[href], button, input";

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
      const places = () => [...this.$el.querySelectorAll(PLACES)];
      const name = (place) => place?.dataset.do || place?.getAttribute("href");
      const before = places();
      const at = before.indexOf(document.activeElement);
      const known = name(before[at]);
      this.$el.innerHTML = this.markup;
      const other = this.row !== this.$el.dataset.row; // it shows another one now, on which nobody stood
      this.row = this.$el.dataset.row;
      if (at < 0 || other) return;
      const after = places();
      const again = after.find((place) => name(place) === known) ?? after[Math.min(at, after.length - 1)];
      again?.focus({ preventScroll: true });
    },
  },
};

/**
 * The turns that `make.mjs` records, by name. `steps` says what the model does: a string is a message, an object is a call. A
 * call runs `code`, writes `files`, shows a chart if `chart` is true, and prints `logs`. If no call of a turn has `logs`, the
 * turn is recorded as if the request did not ask for outputs. `isCutOff`: the token limit ends the last message. `isAzure`:
 * annotations have one more field.
 */
export const TURNS = {
  "one-file": {
    steps: [
      { code: "rain = [3, 0, 11, 7]\nsum(rain)\n", logs: "21" },
      {
        code: "import csv\nwith open('/mnt/data/rain.csv', 'w') as f:\n    csv.writer(f).writerows([n] for n in rain)\n",
        logs: "",
        files: ["rain.csv"],
      },
      "It rained 21 mm on four days – the wettest had 11 mm.\n\n" +
        "- All values: [Get the table](sandbox:/mnt/data/rain.csv)\n\nShould I draw them, too?",
    ],
  },
  "two-files": {
    steps: [
      {
        code: "n.to_excel('/mnt/data/north_2026.xlsx')\ns.to_excel('/mnt/data/south_2026.xlsx')\n",
        files: ["north_2026.xlsx", "south_2026.xlsx"],
      },
      "Both regions are done:\n\n1. [North](sandbox:/mnt/data/north_2026.xlsx)\n" +
        "2. [South](sandbox:/mnt/data/south_2026.xlsx)\n",
    ],
  },
  "chart-and-file": {
    steps: [
      {
        code: "plt.bar(months, bees)\nplt.show()\nbees.to_csv('/mnt/data/bees.csv')\n",
        chart: true,
        files: ["bees.csv"],
      },
      "The chart shows the bees of each month. Here is [the data behind it](sandbox:/mnt/data/bees.csv).",
    ],
  },
  emoji: {
    steps: [
      { code: "open('/mnt/data/menu.md', 'w').write(menu)\n", logs: "412", files: ["menu.md"] },
      "🥕🧅 Soup is on! 👩‍🍳 Read [the menu](sandbox:/mnt/data/menu.md) – 🎉",
    ],
  },
  "two-messages": {
    steps: [
      { code: "save(draft, '/mnt/data/draft.txt')\n", files: ["draft.txt"] },
      "First, [the draft](sandbox:/mnt/data/draft.txt). Now I shorten it.",
      { code: "save(short(draft), '/mnt/data/short.txt')\n", files: ["short.txt"] },
      "And [the short form](sandbox:/mnt/data/short.txt), 80 words.",
    ],
  },
  incomplete: {
    steps: [
      { code: "g.save('/mnt/data/garden.svg')\n", files: ["garden.svg"] },
      "Here is [your plan](sandbox:/mnt/data/garden.svg). The beds in the shade are for",
    ],
    isCutOff: true,
  },
  azure: {
    steps: [
      { code: "doc.save('/mnt/data/offer.docx')\n", files: ["offer.docx"] },
      "I wrote the offer. [Download offer.docx](sandbox:/mnt/data/offer.docx)",
    ],
    isAzure: true,
  },
};

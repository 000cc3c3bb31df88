import * as fs from "node:fs";
import { test } from "vitest";
import { BARE_FORMS, DECOYS, file, LINK_FORMS, NAMES, resolved, SENTENCES } from "./forms.js";
const AFF = `文件已保存到%，请下载。
已保存至%。
已保存为%！
请下载%文件
文件在%里
レポートは%に保存しました。
ファイル%を作成しました
「完了」：%です。
파일은 %에 저장했습니다.
%를 확인하세요
%에서 다운로드
파일:%입니다.
ไฟล์%พร้อมแล้ว
Datei:%.
Die Datei (%) ist da.
الملف:%، وهو جاهز
الملف %؛
هل هو %؟
फ़ाइल %।
فائل %۔
¿Está en %?
¡%!
Hier: „%“.
Voilà : « % ».
Voici %; merci
Er heißt %…
see %)
see %.)
see (%).
see (%),
see [%].
see %".
"see %."
see %'s rows
%'s content
%’s content
%-based
%-
- %
-%
*%
* %
•%
→%
=>%
=> %
->%
✅%
✅ %
✅️%
:%
：%
=%
("%")
(see %; %%)
%!!
%?!
%..
%...
%....
%.\n
%,\n
%:\n
%;
% .
% ,
%—great
%–great
% – great
%✅
%🎉
% 🎉
%  
% 
%​
​%
%﻿
﻿%
% 
‎%‎
‪%‬
%\n%%
%、%%
%，%%
%,%%
%;%%
%/%%
%|%%
%&nbsp;
%&quot;
%<br/>
%<br>
%</p>
<p>%</p>
%</a>
%\\n
%\\
%\\\\n
%(12 KB)
%（12 KB）
%[1]
%¹
%™
%【1†source】
%†
%*
%**
%_
%__
%~~
%~
%\`
%|
%}
%]
%>
%{
%^
%$
%+
%=
%@
%#
%#L3
%:3:4
%?x=1`.split("\n").map(x=>x.replaceAll("\\n","\n"));
test("x", () => {
  const by = new Map<string, string[]>(); let n=0, bad=0;
  const decoys = DECOYS.map((d) => file(d));
  for (const [form, write] of Object.entries({ l: LINK_FORMS["link-sandbox"]!, b: BARE_FORMS.bare!, s: BARE_FORMS["bare-sandbox"]!, c: BARE_FORMS.code!, bo: BARE_FORMS.bold!, q: BARE_FORMS.quoted! })) for (const name of NAMES) {
    const files=[...decoys, file(name)];
    for (const s of AFF) {
    const [b, c, a] = write(name);
    const i=s.indexOf("%"); const x=s.slice(0,i), y=s.slice(i+1).replace("%%","/mnt/data/zzz.csv");
    const text = x + b + c + a + y; const st = x!.length + b.length;
    const got = resolved(text, files);
    n++;
    const want = JSON.stringify([[st, st + c.length, "cfile_" + name]]);
    if (JSON.stringify(got.cited) !== want) { bad++; const k = form + " × " + name; (by.get(k) ?? by.set(k, []).get(k)!).push(JSON.stringify(text) + " => " + JSON.stringify(got.cited.map(([p, q, f]) => [text.slice(p, q), f])) +JSON.stringify(got.missed.map(([p, q, f]) => [text.slice(p, q), f]))); }
  }}
  const out = [...by].map(([k, v]) => `${v.length} ${k}\n    ${v.join("\n    ")}`).join("\n");
  fs.writeFileSync("/tmp/explore.txt", `${n} ${bad}\n${out}\n`);
});

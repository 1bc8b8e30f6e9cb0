"""The sentences the simulator says, in nine languages; ``{…}`` are filled in by ``answer.py``."""

from typing import NamedTuple


class Phrases(NamedTuple):
    """The sentences of one language; ``{…}`` are filled in."""

    intro: tuple[str, ...]
    """Says that this is a simulator."""
    quote: str
    """``{quote}``: the start of the question."""
    nothing: str
    """Instead of ``quote`` when no text was sent."""
    facts: str
    """``{messages}``, ``{tokens}``, ``{model}``."""
    close: tuple[str, ...]
    filler: tuple[str, ...]
    """Sentences for longer answers; ``{n}``, ``{quote}``."""
    image: str
    """``{n}``, ``{kind}``, ``{width}``, ``{height}``, ``{size}``."""
    image_unsized: str
    """``{n}``, ``{kind}``, ``{size}``."""
    image_url: str
    """``{n}``, ``{url}``."""
    document: str
    """``{n}``, ``{kind}``, ``{size}``, ``{title}``."""
    result: str
    """``{tool}``, ``{result}``."""
    failed: str
    """A tool result that is an error: ``{tool}``, ``{result}``."""
    calling: str
    """Said before a tool call: ``{tool}``."""
    searched: str
    """After a web search: ``{query}``."""
    found: str
    """Cited from a search result: ``{title}``."""
    thought: tuple[str, ...]
    """The simulator's thinking; ``{quote}``."""
    space: str
    """Between sentences."""


PHRASES: dict[str, Phrases] = {
    "en": Phrases(
        intro=(
            "This is Dragoman's simulator speaking, not Claude.",
            "You have reached Dragoman's simulator; no real model is behind it.",
            "I am Dragoman's simulator and only stand in for Claude.",
        ),
        quote="You wrote: “{quote}”.",
        nothing="Your message held no text.",
        facts="The request had {messages} message(s) and about {tokens} input tokens,"
        " and was meant for {model}.",
        close=(
            "A real account would answer it in earnest.",
            "Everything around this text is shaped as the real API shapes it.",
            "Connect a real account to get a real answer.",
        ),
        filler=(
            "Sentence {n} is simulated text on “{quote}”.",
            "Sentence {n} is here so that a longer answer can be shown, cut and counted.",
            "Sentence {n} carries no knowledge, only length.",
            "With sentence {n} the simulated answer goes on.",
        ),
        image="Image {n} is a {kind} of {width} × {height} pixels ({size} bytes).",
        image_unsized="Image {n} is a {kind} ({size} bytes) whose size in pixels I could not read.",
        image_url="Image {n} was given as the URL {url}, which a simulator does not fetch.",
        document="Document {n}{title} is a {kind} of {size} bytes.",
        result="The tool {tool} answered: “{result}”.",
        failed="The tool {tool} reported an error: “{result}”.",
        calling="I will call {tool} for that.",
        searched="I searched the simulated web for “{query}”.",
        found="It says there: {title}",
        thought=(
            "The user wrote “{quote}”.",
            "I am a simulator, so there is nothing to work out.",
            "I will say so, and answer in the same language.",
        ),
        space=" ",
    ),
    "zh": Phrases(
        intro=(
            "这里是 Dragoman 的模拟器，不是真正的 Claude。",
            "我是 Dragoman 模拟器，背后没有真正的模型。",
            "本回答由 Dragoman 模拟器生成，仅用来代替 Claude。",
        ),
        quote="你写的是：“{quote}”。",
        nothing="你的消息里没有文字。",
        facts="本次请求共有 {messages} 条消息，约 {tokens} 个输入 token，目标模型为 {model}。",
        close=(
            "换成真实账号，就能得到认真的回答。",
            "除了这段文字，其余一切都与真实 API 的形状一致。",
            "接入真实账号即可获得真正的回答。",
        ),
        filler=(
            "第 {n} 句是关于“{quote}”的模拟文字。",
            "第 {n} 句用来让较长的回答可以显示、截断和计数。",
            "第 {n} 句不含知识，只有长度。",
            "模拟的回答继续到第 {n} 句。",
        ),
        image="图片 {n} 是 {kind}，{width} × {height} 像素（{size} 字节）。",
        image_unsized="图片 {n} 是 {kind}（{size} 字节），读不出像素尺寸。",
        image_url="图片 {n} 以网址给出：{url}，模拟器不会下载它。",
        document="文档 {n}{title} 是 {kind}，{size} 字节。",
        result="工具 {tool} 返回：“{result}”。",
        failed="工具 {tool} 报告了错误：“{result}”。",
        calling="我来调用 {tool}。",
        searched="我在模拟的网络上搜索了“{query}”。",
        found="那里写道：{title}",
        thought=(
            "用户写的是“{quote}”。",
            "我是模拟器，没有什么需要推理。",
            "我会说明这一点，并用同一种语言回答。",
        ),
        space="",
    ),
    "ja": Phrases(
        intro=(
            "これは Dragoman のシミュレーターで、本物の Claude ではありません。",
            "私は Dragoman のシミュレーターです。背後に本物のモデルはありません。",
            "この回答は Claude の代わりに Dragoman のシミュレーターが作りました。",
        ),
        quote="あなたの質問は「{quote}」です。",
        nothing="メッセージに文章がありませんでした。",
        facts="リクエストはメッセージ {messages} 件、入力約"
        " {tokens} トークン、宛先は {model} でした。",
        close=(
            "本物のアカウントなら本当の答えが返ります。",
            "この文章以外は本物の API と同じ形です。",
            "本当の答えには本物のアカウントをつないでください。",
        ),
        filler=(
            "{n} 番目の文は「{quote}」についての模擬の文章です。",
            "{n} 番目の文は、長い回答を表示し、切り、数えるためにあります。",
            "{n} 番目の文に知識はなく、長さだけがあります。",
            "模擬の回答は {n} 番目の文へ続きます。",
        ),
        image="画像 {n} は {kind}、{width} × {height} ピクセル（{size} バイト）です。",
        image_unsized="画像 {n} は {kind}（{size} バイト）で、ピクセル数は読めませんでした。",
        image_url="画像 {n} は URL {url} で渡されましたが、シミュレーターは取得しません。",
        document="文書 {n}{title} は {kind}、{size} バイトです。",
        result="ツール {tool} の結果：「{result}」。",
        failed="ツール {tool} がエラーを返しました：「{result}」。",
        calling="{tool} を呼び出します。",
        searched="模擬のウェブで「{query}」を検索しました。",
        found="そこにはこうあります：{title}",
        thought=(
            "ユーザーは「{quote}」と書いた。",
            "私はシミュレーターなので、考えることはない。",
            "そう伝えて、同じ言語で答える。",
        ),
        space="",
    ),
    "ko": Phrases(
        intro=(
            "저는 Dragoman 시뮬레이터이며 실제 Claude가 아닙니다.",
            "이 답변은 Claude를 대신해 Dragoman 시뮬레이터가 만들었습니다.",
            "여기는 Dragoman 시뮬레이터이고, 뒤에 실제 모델은 없습니다.",
        ),
        quote="보내신 내용은 “{quote}”입니다.",
        nothing="메시지에 글이 없었습니다.",
        facts="요청에는 메시지 {messages}개와 약 {tokens}개의"
        " 입력 토큰이 있었고, 대상은 {model}였습니다.",
        close=(
            "실제 계정이라면 제대로 답할 것입니다.",
            "이 글을 빼면 모든 것이 실제 API와 같은 모양입니다.",
            "진짜 답을 받으려면 실제 계정을 연결하세요.",
        ),
        filler=(
            "{n}번째 문장은 “{quote}”에 대한 모의 글입니다.",
            "{n}번째 문장은 긴 답을 보여 주고, 자르고, 세기 위한 것입니다.",
            "{n}번째 문장에는 지식이 없고 길이만 있습니다.",
            "모의 답변은 {n}번째 문장으로 이어집니다.",
        ),
        image="이미지 {n}: {kind}, {width} × {height} 픽셀 ({size}바이트).",
        image_unsized="이미지 {n}: {kind} ({size}바이트), 픽셀 크기는 읽을 수 없었습니다.",
        image_url="이미지 {n}은 URL {url}로 주어졌고, 시뮬레이터는 내려받지 않습니다.",
        document="문서 {n}{title}: {kind}, {size}바이트.",
        result="도구 {tool}의 결과: “{result}”.",
        failed="도구 {tool}가 오류를 알렸습니다: “{result}”.",
        calling="{tool} 도구를 호출하겠습니다.",
        searched="모의 웹에서 “{query}”를 검색했습니다.",
        found="거기에는 이렇게 있습니다: {title}",
        thought=(
            "사용자가 “{quote}”라고 썼다.",
            "나는 시뮬레이터라서 생각할 것이 없다.",
            "그렇게 말하고 같은 언어로 답하겠다.",
        ),
        space=" ",
    ),
    "ru": Phrases(
        intro=(
            "Это симулятор Dragoman, а не настоящий Claude.",
            "Вам отвечает симулятор Dragoman; настоящей модели за ним нет.",
            "Я симулятор Dragoman и лишь заменяю Claude.",
        ),
        quote="Вы написали: «{quote}».",
        nothing="В сообщении не было текста.",
        facts="В запросе было сообщений: {messages}, входных"
        " токенов: около {tokens}; модель: {model}.",
        close=(
            "Настоящая учётная запись ответила бы всерьёз.",
            "Всё, кроме этого текста, устроено как в настоящем API.",
            "Подключите настоящую учётную запись, чтобы получить настоящий ответ.",
        ),
        filler=(
            "Предложение {n} — имитация текста о «{quote}».",
            "Предложение {n} нужно, чтобы длинный ответ можно было показать, обрезать и посчитать.",
            "В предложении {n} нет знаний, только длина.",
            "Имитация ответа продолжается предложением {n}.",
        ),
        image="Изображение {n}: {kind}, {width} × {height} пикселей ({size} байт).",
        image_unsized="Изображение {n}: {kind} ({size} байт),"
        " размер в пикселях прочитать не удалось.",
        image_url="Изображение {n} задано адресом {url}, а симулятор ничего не загружает.",
        document="Документ {n}{title}: {kind}, {size} байт.",
        result="Инструмент {tool} ответил: «{result}».",
        failed="Инструмент {tool} сообщил об ошибке: «{result}».",
        calling="Сейчас вызову {tool}.",
        searched="Я поискал в имитации сети: «{query}».",
        found="Там сказано: {title}",
        thought=(
            "Пользователь написал «{quote}».",
            "Я симулятор, обдумывать нечего.",
            "Так и скажу, на том же языке.",
        ),
        space=" ",
    ),
    "ar": Phrases(
        intro=(
            "هذا محاكي Dragoman وليس Claude الحقيقي.",
            "يجيبك محاكي Dragoman، ولا يوجد خلفه نموذج حقيقي.",
            "أنا محاكي Dragoman وأحل محل Claude فقط.",
        ),
        quote="لقد كتبت: «{quote}».",
        nothing="لم تحتوِ رسالتك على نص.",
        facts="احتوى الطلب على {messages} من الرسائل ونحو"
        " {tokens} من رموز الإدخال، والنموذج هو {model}.",
        close=(
            "الحساب الحقيقي كان سيجيب بجدية.",
            "كل ما عدا هذا النص مطابق لشكل الواجهة الحقيقية.",
            "اربط حسابًا حقيقيًا لتحصل على إجابة حقيقية.",
        ),
        filler=(
            "الجملة {n} نص محاكى عن «{quote}».",
            "الجملة {n} موجودة ليمكن عرض إجابة أطول وقصها وعدها.",
            "لا معرفة في الجملة {n}، بل طول فقط.",
            "تستمر الإجابة المحاكاة بالجملة {n}.",
        ),
        image="الصورة {n} من نوع {kind} بحجم {width} × {height} بكسل ({size} بايت).",
        image_unsized="الصورة {n} من نوع {kind} ({size} بايت) ولم أستطع قراءة أبعادها.",
        image_url="الصورة {n} معطاة بالعنوان {url} والمحاكي لا ينزل شيئًا.",
        document="المستند {n}{title} من نوع {kind} وحجمه {size} بايت.",
        result="أجابت الأداة {tool}: «{result}».",
        failed="أبلغت الأداة {tool} عن خطأ: «{result}».",
        calling="سأستدعي {tool}.",
        searched="بحثت في الويب المحاكى عن «{query}».",
        found="يقال هناك: {title}",
        thought=(
            "كتب المستخدم «{quote}».",
            "أنا محاكٍ، فلا شيء للتفكير فيه.",
            "سأقول ذلك باللغة نفسها.",
        ),
        space=" ",
    ),
    "es": Phrases(
        intro=(
            "Este es el simulador de Dragoman, no el Claude real.",
            "Le responde el simulador de Dragoman; detrás no hay ningún modelo.",
            "Soy el simulador de Dragoman y solo ocupo el lugar de Claude.",
        ),
        quote="Usted escribió: «{quote}».",
        nothing="Su mensaje no tenía texto.",
        facts="La petición tenía {messages} mensaje(s) y unos {tokens} tokens de entrada,"
        " y era para {model}.",
        close=(
            "Una cuenta real respondería en serio.",
            "Todo, salvo este texto, tiene la forma de la API real.",
            "Conecte una cuenta real para obtener una respuesta real.",
        ),
        filler=(
            "La frase {n} es texto simulado sobre «{quote}».",
            "La frase {n} está para mostrar, cortar y contar una respuesta más larga.",
            "La frase {n} no lleva saber, solo longitud.",
            "Con la frase {n} sigue la respuesta simulada.",
        ),
        image="La imagen {n} es {kind} de {width} × {height} píxeles ({size} bytes).",
        image_unsized="La imagen {n} es {kind} ({size} bytes) y no pude leer sus dimensiones.",
        image_url="La imagen {n} se dio como URL {url}, que un simulador no descarga.",
        document="El documento {n}{title} es {kind} de {size} bytes.",
        result="La herramienta {tool} respondió: «{result}».",
        failed="La herramienta {tool} informó de un error: «{result}».",
        calling="Voy a llamar a {tool}.",
        searched="Busqué «{query}» en la web simulada.",
        found="Allí dice: {title}",
        thought=(
            "El usuario escribió «{quote}».",
            "Soy un simulador, así que no hay nada que pensar.",
            "Lo diré y responderé en el mismo idioma.",
        ),
        space=" ",
    ),
    "fr": Phrases(
        intro=(
            "Ceci est le simulateur de Dragoman, pas le vrai Claude.",
            "Le simulateur de Dragoman vous répond ; aucun modèle n'est derrière.",
            "Je suis le simulateur de Dragoman et je remplace seulement Claude.",
        ),
        quote="Vous avez écrit : « {quote} ».",
        nothing="Votre message ne contenait pas de texte.",
        facts="La requête comptait {messages} message(s) et environ {tokens} tokens d'entrée,"
        " pour {model}.",
        close=(
            "Un vrai compte répondrait pour de bon.",
            "Tout, sauf ce texte, a la forme de la vraie API.",
            "Branchez un vrai compte pour obtenir une vraie réponse.",
        ),
        filler=(
            "La phrase {n} est un texte simulé sur « {quote} ».",
            "La phrase {n} sert à montrer, couper et compter une réponse plus longue.",
            "La phrase {n} n'apporte aucun savoir, seulement de la longueur.",
            "Avec la phrase {n}, la réponse simulée continue.",
        ),
        image="L'image {n} est au format {kind}, {width} × {height} pixels ({size} octets).",
        image_unsized="L'image {n} est au format {kind} ({size} octets), dimensions illisibles.",
        image_url="L'image {n} est donnée par l'URL {url}, qu'un simulateur ne télécharge pas.",
        document="Le document {n}{title} est au format {kind}, {size} octets.",
        result="L'outil {tool} a répondu : « {result} ».",
        failed="L'outil {tool} a signalé une erreur : « {result} ».",
        calling="J'appelle {tool}.",
        searched="J'ai cherché « {query} » sur le web simulé.",
        found="On y lit : {title}",
        thought=(
            "L'utilisateur a écrit « {quote} ».",
            "Je suis un simulateur, il n'y a donc rien à réfléchir.",
            "Je le dirai et répondrai dans la même langue.",
        ),
        space=" ",
    ),
    "de": Phrases(
        intro=(
            "Hier spricht der Simulator von Dragoman, nicht Claude.",
            "Es antwortet der Simulator von Dragoman; dahinter steht kein Modell.",
            "Ich bin der Simulator von Dragoman und vertrete Claude nur.",
        ),
        quote="Sie schrieben: „{quote}“.",
        nothing="Ihre Nachricht enthielt keinen Text.",
        facts="Die Anfrage hatte {messages} Nachricht(en) und etwa {tokens} Eingabe-Token"
        " und galt {model}.",
        close=(
            "Ein echtes Konto würde ernsthaft antworten.",
            "Alles außer diesem Text hat die Form der echten API.",
            "Für eine echte Antwort schließen Sie ein echtes Konto an.",
        ),
        filler=(
            "Satz {n} ist simulierter Text zu „{quote}“.",
            "Satz {n} steht da, damit man eine längere Antwort zeigen, kürzen und zählen kann.",
            "Satz {n} trägt kein Wissen, nur Länge.",
            "Mit Satz {n} geht die simulierte Antwort weiter.",
        ),
        image="Bild {n} ist ein {kind} mit {width} × {height} Pixeln ({size} Bytes).",
        image_unsized="Bild {n} ist ein {kind} ({size} Bytes), die Pixelmaße waren nicht lesbar.",
        image_url="Bild {n} kam als URL {url}, die ein Simulator nicht abruft.",
        document="Dokument {n}{title} ist ein {kind} mit {size} Bytes.",
        result="Das Werkzeug {tool} antwortete: „{result}“.",
        failed="Das Werkzeug {tool} meldete einen Fehler: „{result}“.",
        calling="Ich rufe {tool} auf.",
        searched="Ich habe im simulierten Netz nach „{query}“ gesucht.",
        found="Dort steht: {title}",
        thought=(
            "Der Benutzer schrieb „{quote}“.",
            "Ich bin ein Simulator, zu überlegen gibt es nichts.",
            "Das sage ich, in derselben Sprache.",
        ),
        space=" ",
    ),
}

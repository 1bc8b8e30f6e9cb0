"""Words of other languages for what tools are commonly about, in English, the language tools are
written in."""

CONCEPTS: tuple[tuple[str, str], ...] = (
    ("weather", "天气 天氣 气温 氣溫 天気 날씨 기온 погод طقس tiempo clima météo temps wetter"),
    ("temperature", "气温 温度 溫度 気温 기온 температур حرارة temperatura température temperatur"),
    ("forecast", "预报 預報 予報 예보 прогноз pronóstico prévision vorhersage"),
    ("time", "几点 时间 時間 何時 시간 мин время وقت hora heure uhrzeit"),
    ("date", "日期 几号 日付 날짜 дата تاريخ fecha datum"),
    ("search", "搜索 搜尋 查找 搜一下 検索 검색 поиск найди найти ابحث بحث busca cherche suche"),
    ("news", "新闻 新聞 ニュース 뉴스 новост أخبار noticias actualités nachrichten"),
    ("stock", "股票 股价 股價 株価 주가 주식 акци سهم acciones bourse aktie"),
    ("price", "价格 價格 多少钱 値段 価格 가격 цена цену سعر precio prix preis"),
    ("calculate", "计算 計算 算一下 계산 посчита вычисл احسب calcula calcule berechne rechne"),
    ("translate", "翻译 翻譯 翻訳 번역 перевед перевод ترجم traduce traduis übersetze"),
    ("email", "邮件 郵件 邮箱 メール 이메일 письмо почт بريد correo courriel"),
    ("send", "发送 寄 送って 보내 отправ أرسل envía envoie sende schicke"),
    ("flight", "航班 机票 機票 飛行機 フライト 항공 рейс авиабилет رحلة vuelo vol flug"),
    ("hotel", "酒店 旅馆 宾馆 ホテル 호텔 отель гостиниц فندق"),
    ("book", "预订 预定 訂 予約 예약 заброниру احجز reserva réserve buche"),
    ("map", "地图 地圖 地図 지도 карт خريطة mapa carte karte"),
    ("file", "文件 檔案 ファイル 파일 файл ملف archivo fichier datei"),
    ("read", "读取 讀取 読 읽 прочита اقرأ lee lis lies"),
    ("write", "写入 寫入 書 쓰 запиши اكتب escribe écris schreibe"),
    ("run", "运行 執行 执行 実行 실행 запусти شغل ejecuta exécute"),
    ("code", "代码 程式 コード 코드 код كود código"),
    ("image", "图片 图像 圖片 画像 이미지 картин изображен صورة imagen bild"),
    ("exchange rate currency", "汇率 匯率 為替 환율 курс валют صرف cambio wechselkurs"),
    ("remind reminder", "提醒 リマインド 알림 напомн ذكرني recuérda rappelle erinnere"),
    (
        "calendar event meeting",
        "日历 日程 会议 予定 일정 календар встреч تقويم reunión réunion termin",
    ),
    ("play music song", "播放 音乐 歌曲 音楽 음악 노래 музык песн موسيقى música musique musik"),
    ("order", "订单 訂單 注文 주문 заказ طلب pedido commande bestellung"),
    ("database query", "数据库 資料庫 データベース 데이터베이스 баз"),
    ("user", "用户 使用者 ユーザー 사용자 пользовател مستخدم usuario utilisateur benutzer"),
    ("distance route", "距离 路线 距離 ルート 거리 расстояни маршрут مسافة distancia entfernung"),
    ("restaurant", "餐厅 餐馆 レストラン 식당 ресторан مطعم restaurante"),
    ("ticket", "票 チケット 티켓 билет تذكرة entrada billet"),
    ("random number", "随机 隨機 ランダム 무작위 случайн عشوائي aleatorio zufall"),
    ("light lamp", "灯 ライト 전등 свет ضوء luz lumière licht"),
    ("create", "创建 新建 作成 만들 созда أنشئ crea crée erstelle"),
    ("delete", "删除 刪除 削除 삭제 удали احذف borra elimina supprime lösche"),
    ("list", "列出 列表 一覧 목록 список قائمة lista liste"),
)
"""English words, and the stems by which other languages speak of the same."""

STOP_WORDS = frozenset(
    "a an and any are as at be by can current currently do does for from get gets give given has"
    " have how i if in into is it its like make me my need new of on one or our please should so"
    " some tell that the their them then there these this to today tool tools up use used user"
    " uses using value want was we what when where which who will with would you your function"
    " return returns whether e.g string number object parameter optional required specific"
    " about".split()
)
"""Words in which a question and a tool may agree without meaning the same."""


def english(question: str) -> set[str]:
    """English words for the concepts that a question in another language names."""
    lowered = question.lower()
    found: set[str] = set()
    for words, stems in CONCEPTS:
        if any(stem in lowered for stem in stems.split()):
            found.update(words.split())
    return found
